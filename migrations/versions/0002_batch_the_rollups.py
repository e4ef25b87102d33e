"""Store what a job adds to the rollups as one row, coarse rollups, and scores as they were sent.

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
_INDEXES = (
    ("ix_rollups_read", ["project_id", "source", "dimension", "bucket"], "NOT covered"),
    ("ix_rollups_covered", ["project_id", "source", "dimension", "grain", "bucket"], "covered"),
    ("ix_rollups_fold", ["grain", "bucket"], "NOT covered"),
    ("ix_rollups_forget", ["grain", "bucket"], "covered"),
)


def upgrade() -> None:
    op.create_table(
        "rollup_batches",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("calls", sa.LargeBinary(), nullable=False),
        sa.Column("faulty", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "batch_id", name=op.f("pk_rollup_batches")),
    )
    # Rows live for seconds. Compressing them costs more than it saves, and dead rows must not pile
    # up.
    op.execute("ALTER TABLE rollup_batches ALTER COLUMN calls SET STORAGE EXTERNAL")
    op.execute(
        "ALTER TABLE rollup_batches SET (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, "
        "toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0)"
    )
    for name in _ARRAYS:
        op.alter_column("rollups", name, server_default=sa.text("'{}'"))
    op.add_column(
        "rollups", sa.Column("covered", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.drop_index("ix_rollups_read", table_name="rollups")
    op.drop_index("ix_rollups_fold", table_name="rollups")
    for name, columns, which in _INDEXES:
        op.create_index(name, "rollups", columns, unique=False, postgresql_where=sa.text(which))
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
    for name, _, _ in _INDEXES:
        op.drop_index(name, table_name="rollups")
    op.execute("DELETE FROM rollups WHERE covered")
    op.execute("UPDATE rollups SET grain = 3600 WHERE grain IN (600, 21600)")
    op.drop_column("rollups", "covered")
    op.create_index("ix_rollups_fold", "rollups", ["grain", "bucket"], unique=False)
    op.create_index(
        "ix_rollups_read", "rollups", ["project_id", "source", "dimension", "bucket"], unique=False
    )
    op.drop_table("rollup_batches")
