"""Keep what false alarms take from the figures of a call, and the calls to be counted again.

Revision: 0016.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_NAMES = ("dismissed_flags", "dismissed_hits")


def upgrade() -> None:
    for name in _NAMES:
        op.add_column(
            "traces",
            sa.Column(name, sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        )
    op.create_table(
        "review_changes",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "change_id", name=op.f("pk_review_changes")),
    )


def downgrade() -> None:
    op.drop_table("review_changes")
    for name in _NAMES:
        op.drop_column("traces", name)
