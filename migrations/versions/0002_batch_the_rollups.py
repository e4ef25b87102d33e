"""Keep what jobs add to the rollups as one row per job, and scores as the text that they arrive as.

Revision: 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ARRAYS = ("measures", "counts", "sums", "hits", "bin_measures", "bins", "bin_counts", "examples")


def upgrade() -> None:
    op.create_table(
        "rollup_batches",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("calls", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "batch_id", name=op.f("pk_rollup_batches")),
    )
    # Rows live for seconds: compressing them costs more than it saves, and what is dead must not pile up.
    op.execute("ALTER TABLE rollup_batches ALTER COLUMN calls SET STORAGE EXTERNAL")
    op.execute(
        "ALTER TABLE rollup_batches SET (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, "
        "toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0)"
    )
    for name in _ARRAYS:
        op.alter_column("rollups", name, server_default=sa.text("'{}'"))
    op.alter_column("traces", "scores", type_=sa.JSON(), postgresql_using="scores::json")


def downgrade() -> None:
    op.alter_column(
        "traces",
        "scores",
        type_=postgresql.JSONB(astext_type=sa.Text()),
        postgresql_using="scores::jsonb",
    )
    for name in _ARRAYS:
        op.alter_column("rollups", name, server_default=None)
    op.drop_table("rollup_batches")
