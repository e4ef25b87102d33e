"""The table of what users of applications thought of responses."""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, SmallInteger, Table, Text, Uuid, text

from app.storage.metadata import instant, metadata

__all__ = ["feedback"]

feedback = Table(
    "feedback",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("feedback_id", Uuid, primary_key=True),
    Column("trace_id", Uuid, nullable=False),
    Column("rating", SmallInteger, nullable=False),
    Column("comment", Text),
    Column("user_id", Text),
    Column("categories", ARRAY(Text), nullable=False),
    instant("created_at", now=True),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
    Index("ix_feedback_trace", "project_id", "trace_id"),
    Index("ix_feedback_created", "project_id", "created_at"),
    Index(
        "ix_feedback_false_alarm",
        "project_id",
        "trace_id",
        postgresql_where=text("'false_alarm' = ANY (categories)"),
    ),
    Index("ix_feedback_user", "project_id", "user_id", postgresql_where=text("user_id IS NOT NULL")),
)
