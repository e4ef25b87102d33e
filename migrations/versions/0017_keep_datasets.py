"""Keep datasets with their versions and items, runs over them, and the answers of runs.

Revision: 0017.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "datasets",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("approved_run", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.project_id"], name=op.f("fk_datasets_project_id")),
        sa.PrimaryKeyConstraint("project_id", "dataset_id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_datasets_project_id_name")),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "dataset_id", "version", name=op.f("pk_dataset_versions")),
    )
    op.create_table(
        "dataset_items",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("context", JSONB(), nullable=False),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.Column("split", sa.Text(), nullable=True),
        sa.Column("trace_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint(
            "project_id", "dataset_id", "item_id", "since", name=op.f("pk_dataset_items")
        ),
    )
    op.create_index("ix_dataset_items_trace", "dataset_items", ["project_id", "trace_id"])
    op.create_table(
        "runs",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("figures", JSONB(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "run_id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_dataset", "runs", ["project_id", "dataset_id", "created_at"])
    op.create_table(
        "run_answers",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("repetition", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=True),
        sa.Column("usable", sa.Boolean(), nullable=False),
        sa.Column("own", JSONB(), nullable=False),
        sa.Column("answer", JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "run_id", "item_id", "repetition", name=op.f("pk_run_answers")),
    )
    op.create_index("ix_run_answers_trace", "run_answers", ["project_id", "trace_id"])


def downgrade() -> None:
    for table in ("run_answers", "runs", "dataset_items", "dataset_versions", "datasets"):
        op.drop_table(table)
