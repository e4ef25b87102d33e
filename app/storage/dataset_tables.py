"""The tables of evaluation: datasets with their versions and items, and runs."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.storage.metadata import instant, metadata

__all__ = ["dataset_items", "dataset_versions", "datasets", "evaluation_parts", "run_answers", "runs"]

datasets = Table(
    "datasets",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("dataset_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("approved_run", Uuid),
    instant("created_at"),
    UniqueConstraint("project_id", "name"),
)

dataset_versions = Table(
    "dataset_versions",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("dataset_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("change", Text, nullable=False),
    Column("items", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    instant("created_at"),
)

# A row is a state of an item. It belongs to the versions from `since` to the one before `until`.
dataset_items = Table(
    "dataset_items",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("dataset_id", Uuid, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("since", Integer, primary_key=True),
    Column("until", Integer),
    Column("prompt", Text, nullable=False),
    Column("reference", Text),
    Column("context", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("split", Text),
    Column("trace_id", Uuid),
    Index("ix_dataset_items_trace", "project_id", "trace_id"),
)

runs = Table(
    "runs",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("run_id", Uuid, primary_key=True),
    Column("dataset_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("figures", JSONB(none_as_null=True)),
    Column("actor", Text, nullable=False),
    instant("created_at"),
    Index("ix_runs_dataset", "project_id", "dataset_id", "created_at"),
)

run_answers = Table(
    "run_answers",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("run_id", Uuid, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("repetition", Integer, primary_key=True),
    Column("trace_id", Uuid),
    Column("usable", Boolean, nullable=False),
    Column("own", JSONB, nullable=False),
    Column("answer", JSONB(none_as_null=True)),
    Index("ix_run_answers_trace", "project_id", "trace_id"),
)

# `payload` holds the envelopes of a part of an evaluation as one Batch, until all have an outcome.
# `token` is the root of the queue job that carries them. A list that the queue got at once has
# neither.
evaluation_parts = Table(
    "evaluation_parts",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("job_id", Uuid, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("first_item", Integer, nullable=False),
    Column("items", Integer, nullable=False),
    Column("lines", ARRAY(Integer), nullable=False),
    Column("trace_ids", ARRAY(Uuid), nullable=False),
    Column("payload", LargeBinary),
    Column("size", Integer, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),
    Column("token", Text),
    instant("created_at", now=True),
    CheckConstraint("state IN ('waiting', 'queued', 'settled')", name="state"),
    Index(
        "ix_evaluation_parts_open",
        "project_id",
        "job_id",
        "part",
        postgresql_where=text("state <> 'settled'"),
    ),
    Index("ix_evaluation_parts_created", "created_at"),
)
