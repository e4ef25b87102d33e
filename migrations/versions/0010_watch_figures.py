"""Keep alert rules with their states and transitions, and find calls with errors.

Revision: 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("definition", JSONB(), nullable=False),
        sa.Column("channels", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("state", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.project_id"], name=op.f("fk_alert_rules_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "rule_id", name=op.f("pk_alert_rules")),
    )
    op.create_index(
        "ix_alert_rules_due", "alert_rules", ["due_at"], unique=False, postgresql_where=sa.text("enabled")
    )
    op.create_table(
        "alert_transitions",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("transition_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "transition_id", name=op.f("pk_alert_transitions")),
    )
    op.create_index(
        "ix_alert_transitions_rule",
        "alert_transitions",
        ["project_id", "rule_id", "transition_id"],
        unique=False,
    )
    op.create_index(
        "ix_traces_errors",
        "traces",
        ["project_id", "occurred_at"],
        unique=False,
        postgresql_where=sa.text("error IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_traces_errors", table_name="traces")
    op.drop_table("alert_transitions")
    op.drop_table("alert_rules")
