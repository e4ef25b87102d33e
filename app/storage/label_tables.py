"""The tables of review: what people found out about calls, and who looks at which call."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Double, Identity, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from app.storage.metadata import instant, metadata

__all__ = ["labels", "review_changes", "review_claims"]

# app.schemas.labels.Label declares the fields. The moment and the source of the call are copied,
# because calls are stored by the day and reports count labels by the moment of their call.
labels = Table(
    "labels",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("trace_id", Uuid, primary_key=True),
    Column("label_id", Uuid, primary_key=True),
    instant("occurred_at"),
    Column("trace_source", Text, nullable=False),
    Column("finding", Text),
    Column("flag", Text),
    Column("label", Text, nullable=False),
    Column("value", Double, nullable=False),
    Column("evidence", JSONB(none_as_null=True)),
    Column("comment", Text),
    Column("actor", Text, nullable=False),
    instant("created_at"),
    CheckConstraint("value BETWEEN 0 AND 1", name="value"),
    Index("ix_labels_occurred", "project_id", "occurred_at"),
)

# At most one person looks at a call at a time, until the claim expires.
review_claims = Table(
    "review_claims",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("trace_id", Uuid, primary_key=True),
    Column("claimant", Text, nullable=False),
    instant("expires_at"),
    Index("ix_review_claims_expires", "expires_at"),
    Index("ix_review_claims_claimant", "project_id", "claimant"),
)

# Calls whose labels changed, and which a worker counts again. A call may be in it several times.
review_changes = Table(
    "review_changes",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("change_id", BigInteger, Identity(), primary_key=True),
    Column("trace_id", Uuid, nullable=False),
)
