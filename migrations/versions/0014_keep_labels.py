"""Keep labels of people, and who looks at which call; find opinions that say it is no harm.

Revision: 0014.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "labels",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("label_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trace_source", sa.Text(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("flag", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("evidence", JSONB(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("value BETWEEN 0 AND 1", name=op.f("ck_labels_value")),
        sa.PrimaryKeyConstraint("project_id", "trace_id", "label_id", name=op.f("pk_labels")),
    )
    op.create_index("ix_labels_occurred", "labels", ["project_id", "occurred_at"])
    op.create_table(
        "review_claims",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("claimant", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "trace_id", name=op.f("pk_review_claims")),
    )
    op.create_index("ix_review_claims_expires", "review_claims", ["expires_at"])
    op.create_index("ix_review_claims_claimant", "review_claims", ["project_id", "claimant"])
    op.create_index(
        "ix_feedback_false_alarm",
        "feedback",
        ["project_id", "trace_id"],
        postgresql_where=sa.text("'false_alarm' = ANY (categories)"),
    )


def downgrade() -> None:
    op.drop_index("ix_feedback_false_alarm", table_name="feedback")
    op.drop_table("review_claims")
    op.drop_table("labels")
