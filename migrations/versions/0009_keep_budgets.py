"""Store budgets, what is spent of them, and the levels that they reached.

Revision: 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("amount_usd", sa.Numeric(20, 10), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("names", ARRAY(sa.Text()), nullable=False),
        sa.Column("counted_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount_usd > 0", name=op.f("ck_budgets_amount_usd")),
        sa.CheckConstraint("period IN ('day', 'week', 'month')", name=op.f("ck_budgets_period")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.project_id"], name=op.f("fk_budgets_project_id")),
        sa.PrimaryKeyConstraint("project_id", "budget_id", name=op.f("pk_budgets")),
    )
    op.create_table(
        "budget_spending",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cost_usd", sa.Numeric(24, 10), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "entry_id", name=op.f("pk_budget_spending")),
    )
    op.create_index("ix_budget_spending_read", "budget_spending", ["project_id", "budget_id", "period_start"])
    op.create_table(
        "budget_crossings",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("spent_usd", sa.Numeric(24, 10), nullable=False),
        sa.Column("amount_usd", sa.Numeric(20, 10), nullable=False),
        sa.Column("crossed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "project_id", "budget_id", "period_start", "level", name=op.f("pk_budget_crossings")
        ),
    )
    op.create_index(
        "ix_budget_crossings_open",
        "budget_crossings",
        ["crossed_at"],
        postgresql_where=sa.text("told_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("budget_crossings")
    op.drop_table("budget_spending")
    op.drop_table("budgets")
