"""Store a key of the provider's response id, by which evaluations find their call.

Revision: 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("traces", sa.Column("response_key", sa.LargeBinary(), nullable=True))
    op.add_column("span_parts", sa.Column("response_key", sa.LargeBinary(), nullable=True))
    op.create_index(
        "ix_traces_response",
        "traces",
        ["project_id", "response_key"],
        unique=False,
        postgresql_where=sa.text("response_key IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_traces_response", table_name="traces")
    op.drop_column("span_parts", "response_key")
    op.drop_column("traces", "response_key")
