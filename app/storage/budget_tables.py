"""The tables of budgets: definitions, what is spent, and levels that were reached."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.storage.tables import metadata

__all__ = ["budget_crossings", "budget_spending", "budgets", "metadata"]

_MOMENT = DateTime(timezone=True)

# app.schemas.budgets.Budget declares the fields. `subject` is its `by`, which is a word of SQL.
budgets = Table(
    "budgets",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("budget_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("amount_usd", Numeric(20, 10), nullable=False),
    Column("period", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("key", Text),
    Column("names", ARRAY(Text), nullable=False),
    Column("counted_from", _MOMENT, nullable=False),
    Column("counted", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    CheckConstraint("amount_usd > 0", name="amount_usd"),
    CheckConstraint("period IN ('day', 'week', 'month')", name="period"),
)

# Append-only: what the traces of a transaction add to a period of a budget. Rows are added up
# later. A foreign key would let the deletion of a budget undo the storing of a job.
budget_spending = Table(
    "budget_spending",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("entry_id", BigInteger, Identity(), primary_key=True),
    Column("budget_id", Uuid, nullable=False),
    Column("period_start", _MOMENT, nullable=False),
    Column("cost_usd", Numeric(24, 10), nullable=False),
    Column("calls", BigInteger, nullable=False),
    Index("ix_budget_spending_read", "project_id", "budget_id", "period_start"),
)

# The levels that a budget has reached. A row is told once.
budget_crossings = Table(
    "budget_crossings",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("budget_id", Uuid, primary_key=True),
    Column("period_start", _MOMENT, primary_key=True),
    Column("level", Text, primary_key=True),
    Column("spent_usd", Numeric(24, 10), nullable=False),
    Column("amount_usd", Numeric(20, 10), nullable=False),
    Column("crossed_at", _MOMENT, nullable=False),
    Column("told_at", _MOMENT),
    Index("ix_budget_crossings_open", "crossed_at", postgresql_where=text("told_at IS NULL")),
)
