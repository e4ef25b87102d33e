"""Store what providers bill beside plain tokens, and our cost beside a reported one.

Revision: 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("traces", sa.Column("usage", JSONB(), nullable=True))
    op.add_column("traces", sa.Column("computed_cost_usd", sa.Numeric(20, 10), nullable=True))
    op.add_column("traces", sa.Column("service_tier", sa.Text(), nullable=True))
    op.add_column("traces", sa.Column("cache_write_1h_tokens", sa.BigInteger(), nullable=True))
    op.add_column("traces", sa.Column("input_audio_tokens", sa.BigInteger(), nullable=True))
    op.add_column("traces", sa.Column("output_audio_tokens", sa.BigInteger(), nullable=True))
    op.add_column("traces", sa.Column("cache_audio_read_tokens", sa.BigInteger(), nullable=True))
    op.add_column("traces", sa.Column("input_image_tokens", sa.BigInteger(), nullable=True))
    op.add_column("traces", sa.Column("output_image_tokens", sa.BigInteger(), nullable=True))
    op.add_column("traces", sa.Column("cache_image_read_tokens", sa.BigInteger(), nullable=True))
    op.add_column("traces", sa.Column("web_search_requests", sa.BigInteger(), nullable=True))
    op.add_column("traces", sa.Column("file_search_requests", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("traces", "file_search_requests")
    op.drop_column("traces", "web_search_requests")
    op.drop_column("traces", "cache_image_read_tokens")
    op.drop_column("traces", "input_image_tokens")
    op.drop_column("traces", "output_image_tokens")
    op.drop_column("traces", "cache_audio_read_tokens")
    op.drop_column("traces", "output_audio_tokens")
    op.drop_column("traces", "input_audio_tokens")
    op.drop_column("traces", "cache_write_1h_tokens")
    op.drop_column("traces", "service_tier")
    op.drop_column("traces", "computed_cost_usd")
    op.drop_column("traces", "usage")
