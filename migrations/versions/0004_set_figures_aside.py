"""Note of which days figures miss values, because a sum with them cannot be taken.

Revision: 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "set_aside_figures",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("figures", sa.BigInteger(), nullable=False),
        sa.Column(
            "set_aside_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("project_id", "day", name=op.f("pk_set_aside_figures")),
    )
    op.create_index(
        "ix_rollup_batches_faulty",
        "rollup_batches",
        ["project_id"],
        unique=False,
        postgresql_where=sa.text("faulty"),
    )


def downgrade() -> None:
    op.drop_index("ix_rollup_batches_faulty", table_name="rollup_batches")
    op.drop_table("set_aside_figures")
