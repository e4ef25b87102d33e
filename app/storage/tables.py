"""The schema: every table of the application, as SQLAlchemy Core.

Every table has `project_id`. Every unique key of a table that grows with traffic starts with it, so
that large tables can be distributed by project.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.storage.alert_tables import alert_channels, alert_deliveries, alert_rules, alert_transitions
from app.storage.dataset_tables import dataset_items, dataset_versions, datasets, run_answers, runs
from app.storage.feedback_tables import feedback
from app.storage.label_tables import labels, review_changes, review_claims
from app.storage.metadata import instant as _instant
from app.storage.metadata import metadata
from app.storage.text_tables import text_blocks
from app.storage.trace_columns import trace_columns
from app.storage.view_tables import boards, saved_views

__all__ = [
    "alert_channels",
    "alert_deliveries",
    "alert_rules",
    "alert_transitions",
    "api_keys",
    "audit_log",
    "boards",
    "dataset_items",
    "dataset_versions",
    "datasets",
    "dead_letters",
    "feedback",
    "jobs",
    "labels",
    "ledger",
    "metadata",
    "observed_values",
    "passwords",
    "price_tables",
    "projects",
    "review_changes",
    "review_claims",
    "rollup_batches",
    "rollups",
    "run_answers",
    "runs",
    "saved_views",
    "scores",
    "set_aside_figures",
    "settlements",
    "span_parts",
    "text_blocks",
    "traces",
]

_READ_BY = ("project_id", "source", "dimension")
_EMPTY = text("'{}'")

projects = Table(
    "projects",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # app.schemas.projects.ProjectSettings. What it leaves out is as for everybody.
    Column("settings", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    _instant("created_at", now=True),
)

# Prices of a project's own. Processes read the content again when `version` has changed.
price_tables = Table(
    "price_tables",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("content", JSONB, nullable=False),  # monitoring.spending.price_tables.PriceTable
    _instant("changed_at", now=True),
)

# Ended keys are kept to account for their acts, up to a thousand per project. Older ones are only
# in `audit_log`.
api_keys = Table(
    "api_keys",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("prefix", Text, primary_key=True),  # the public beginning of the key
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the whole key
    Column("scopes", ARRAY(Text), nullable=False),
    Column("requests_per_minute", Integer),
    _instant("created_at", now=True),
    Column("created_by", Text, nullable=False),
    _instant("expires_at", nullable=True),
    _instant("revoked_at", nullable=True),
    CheckConstraint("requests_per_minute > 0", name="requests_per_minute"),
)

# The passwords of people who sign in to the dashboard as admins of a project.
passwords = Table(
    "passwords",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("hash", Text, nullable=False),  # argon2id
    _instant("set_at"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("act_id", Uuid, primary_key=True),  # UUIDv7, which holds the moment
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
)

# One row per span. An LLM call is a span of kind `llm`, and only calls are scored and counted.
# app.schemas.traces.Trace declares the columns. `trace_id` is a UUIDv7 and holds the moment of
# acceptance.
traces = Table(
    "traces",
    metadata,
    *trace_columns(),
    Index("ix_traces_occurred", "project_id", "source", "occurred_at"),
    Index("ix_traces_unsafe", "project_id", "trace_id", postgresql_where=text("is_safe = false")),
    Index(
        "ix_traces_unpriced", "project_id", "trace_id", postgresql_where=text("pricing_status = 'unknown'")
    ),
    Index("ix_traces_model", "project_id", "model_name", "trace_id"),
    Index(
        "ix_traces_user", "project_id", "user_id", "trace_id", postgresql_where=text("user_id IS NOT NULL")
    ),
    Index(
        "ix_traces_session",
        "project_id",
        "session_id",
        "trace_id",
        postgresql_where=text("session_id IS NOT NULL"),
    ),
    Index(
        "ix_traces_otel",
        "project_id",
        "otel_trace_id",
        "otel_span_id",
        postgresql_where=text("otel_trace_id IS NOT NULL"),
    ),
    Index(
        "ix_traces_response",
        "project_id",
        "response_key",
        postgresql_where=text("response_key IS NOT NULL"),
    ),
    # A digest, because ids whose parts became pseudonyms may be longer than an index bears.
    Index(
        "ix_traces_client",
        "project_id",
        text("hashtextextended(client_id, 0)"),
        postgresql_where=text("client_id IS NOT NULL"),
    ),
    Index("ix_traces_errors", "project_id", "occurred_at", postgresql_where=text("error IS NOT NULL")),
    Index("ix_traces_restates", "project_id", "restates", postgresql_where=text("restates IS NOT NULL")),
    Index(
        "ix_traces_usage",
        "project_id",
        "prompt_tokens",
        "completion_tokens",
        "occurred_at",
        postgresql_where=text("otel_trace_id IS NOT NULL AND kind IN ('llm', 'embedding')"),
    ),
    # Spans for requests of streams, which have no answer, and spans for their ends, which have no
    # duration.
    Index(
        "ix_traces_streamed",
        "project_id",
        text("((response_time_ms = 0)::int)"),
        "occurred_at",
        postgresql_where=text(
            "otel_trace_id IS NOT NULL AND kind = 'llm' AND "
            "(response_time_ms = 0 OR (completion_tokens = 0 AND token_source <> 'reported'))"
        ),
    ),
    postgresql_partition_by="RANGE (trace_id)",
)

# What stored jobs add to the rollups and is not in them yet. Rows stay for some seconds.
rollup_batches = Table(
    "rollup_batches",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("batch_id", BigInteger, Identity(), primary_key=True),
    Column("calls", LargeBinary, nullable=False),  # app.figures.calls, as msgpack
    Column("faulty", Boolean, nullable=False, server_default=text("false")),  # could not be added up
    _instant("created_at", now=True),
    Index("ix_rollup_batches_faulty", "project_id", postgresql_where=text("faulty")),
)

# Append-only: adding batches and removing traces add rows, and folding replaces many rows by one.
# `dimension` is `all`, `model`, `user`, `session`, `tag`, `template`, `flag` or a descriptive
# evaluator.
rollups = Table(
    "rollups",
    metadata,
    Column("project_id", Text, nullable=False),
    Column("rollup_id", BigInteger, Identity(), nullable=False),
    Column("source", Text, nullable=False),
    Column("dimension", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column(
        "grain", Integer, nullable=False
    ),  # seconds of a minute, ten minutes, an hour, six hours, or a day
    _instant("bucket"),
    Column("records", BigInteger, nullable=False),
    Column("assessed", BigInteger, nullable=False),  # records with a safety verdict
    Column("unsafe", BigInteger, nullable=False),
    Column("quality_count", BigInteger, nullable=False),
    Column("quality_sum", Double, nullable=False),
    Column("priced", BigInteger, nullable=False),
    Column("cost_usd", Numeric(24, 10), nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    # Parallel arrays, one element per measure (an evaluator, one of its parts, a duration, a cost).
    Column("measures", ARRAY(Text), nullable=False, server_default=_EMPTY),
    Column("counts", ARRAY(BigInteger), nullable=False, server_default=_EMPTY),
    Column("sums", ARRAY(Double), nullable=False, server_default=_EMPTY),
    Column("hits", ARRAY(BigInteger), nullable=False, server_default=_EMPTY),  # values beyond a threshold
    # Parallel arrays of a sparse histogram: the number of the measure (from 1), the log bucket, the
    # count.
    Column("bin_measures", ARRAY(SmallInteger), nullable=False, server_default=_EMPTY),
    Column("bins", ARRAY(SmallInteger), nullable=False, server_default=_EMPTY),
    Column("bin_counts", ARRAY(BigInteger), nullable=False, server_default=_EMPTY),
    Column("examples", ARRAY(Uuid), nullable=False, server_default=_EMPTY),
    Column("covered", Boolean, nullable=False, server_default=text("false")),  # the next grain counts it too
    Index("ix_rollups_read", *_READ_BY, "bucket", postgresql_where=text("NOT covered")),
    Index("ix_rollups_covered", *_READ_BY, "grain", "bucket", postgresql_where=text("covered")),
    Index("ix_rollups_fold", "grain", "bucket", postgresql_where=text("NOT covered")),
    Index("ix_rollups_forget", "grain", "bucket", postgresql_where=text("covered")),
)

# Days whose figures lack values, because these cannot be added up.
set_aside_figures = Table(
    "set_aside_figures",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("figures", BigInteger, nullable=False),  # the number of rows of rollups that lost values
    _instant("set_aside_at", now=True),
)

# Names that clients supplied, per day, so that their number can be capped.
observed_values = Table(
    "observed_values",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("dimension", Text, primary_key=True),
    Column("value", Text, primary_key=True),
)

# Span parts, which arrive separately from their span: texts, or given scores, until they are
# joined.
span_parts = Table(
    "span_parts",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("part_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("otel_trace_id", LargeBinary, nullable=False),
    Column("otel_span_id", LargeBinary, nullable=False),
    Column("response_key", LargeBinary),  # the response that an evaluation is about, if it names one
    Column("payload", LargeBinary),  # the msgpack envelope, as it was queued; null once joined or erased
    Column("user_id", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _instant("created_at", now=True),
    _instant("claimed_at", nullable=True),
    Index("ix_span_parts_open", "created_at", postgresql_where=text("payload IS NOT NULL")),
    Index("ix_span_parts_joined", "created_at", postgresql_where=text("payload IS NULL")),
    Index(
        "ix_span_parts_user",
        "project_id",
        "user_id",
        postgresql_where=text("user_id IS NOT NULL AND payload IS NOT NULL"),
    ),
)

# Scores that arrive after the trace: from a judge, a person, joined logs, or scoring again.
scores = Table(
    "scores",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("trace_id", Uuid, primary_key=True),
    Column("evaluator", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("value", Double),
    Column("label", Text, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("parts", JSONB, nullable=False),
    _instant("created_at", now=True),
)

# Long jobs with progress: evaluate, re-score, back-fill, export, erasure, replay.
jobs = Table(
    "jobs",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("job_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("done", BigInteger, nullable=False, server_default=text("0")),
    Column("total", BigInteger),
    Column("parameters", JSONB, nullable=False),
    Column("cursor", JSONB),
    Column("result", JSONB),
    Column("error", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # of the next step
    _instant("due_at", now=True),  # no step before this moment
    _instant("created_at", now=True),
    _instant("updated_at", now=True),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
    Index("ix_jobs_created", "project_id", "created_at"),
    Index("ix_jobs_due", "due_at", postgresql_where=text("state IN ('queued', 'running')")),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("trace_id", Uuid, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # the msgpack envelope, as it was queued
    Column("user_id", Text),
    _instant("created_at", now=True),
    _instant("replayed_at", nullable=True),
    Index("ix_dead_letters_created", "project_id", "created_at"),
    Index("ix_dead_letters_user", "project_id", "user_id", postgresql_where=text("user_id IS NOT NULL")),
)

# One row per settled queue job and project. Rows are added to `ledger` later.
settlements = Table(
    "settlements",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("stored", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("dead", BigInteger, nullable=False),
    Column("folded", Boolean, nullable=False, server_default=text("false")),
    _instant("settled_at", now=True),
    Index("ix_settlements_open", "settled_at", postgresql_where=text("NOT folded")),
    Index("ix_settlements_settled", "settled_at"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("stored", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("dead", BigInteger, nullable=False),
)
