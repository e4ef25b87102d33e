"""Create the schema.

Revision: 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("act_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "act_id", name=op.f("pk_audit_log")),
    )
    op.create_table(
        "dead_letters",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "trace_id", name=op.f("pk_dead_letters")),
    )
    op.create_index("ix_dead_letters_created", "dead_letters", ["project_id", "created_at"], unique=False)
    op.create_index(
        "ix_dead_letters_user",
        "dead_letters",
        ["project_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "feedback",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("feedback_id", sa.Uuid(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("categories", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("ck_feedback_rating")),
        sa.PrimaryKeyConstraint("project_id", "feedback_id", name=op.f("pk_feedback")),
    )
    op.create_index("ix_feedback_created", "feedback", ["project_id", "created_at"], unique=False)
    op.create_index("ix_feedback_trace", "feedback", ["project_id", "trace_id"], unique=False)
    op.create_index(
        "ix_feedback_user",
        "feedback",
        ["project_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "ledger",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("duplicate", sa.BigInteger(), nullable=False),
        sa.Column("dead", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_ledger")),
    )
    op.create_table(
        "observed_values",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "day", "dimension", "value", name=op.f("pk_observed_values")),
    )
    op.create_table(
        "projects",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "settings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_projects")),
    )
    op.create_table(
        "rollups",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("rollup_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("grain", sa.Integer(), nullable=False),
        sa.Column("bucket", sa.DateTime(timezone=True), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("assessed", sa.BigInteger(), nullable=False),
        sa.Column("unsafe", sa.BigInteger(), nullable=False),
        sa.Column("quality_count", sa.BigInteger(), nullable=False),
        sa.Column("quality_sum", sa.Double(), nullable=False),
        sa.Column("priced", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=24, scale=10), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("measures", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("counts", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("sums", sa.ARRAY(sa.Double()), nullable=False),
        sa.Column("hits", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("bin_measures", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("bins", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("bin_counts", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("examples", sa.ARRAY(sa.Uuid()), nullable=False),
    )
    op.create_index("ix_rollups_fold", "rollups", ["grain", "bucket"], unique=False)
    op.create_index(
        "ix_rollups_read", "rollups", ["project_id", "source", "dimension", "bucket"], unique=False
    )
    op.create_table(
        "scores",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("evaluator", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("parts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint(
            "project_id", "trace_id", "evaluator", "version", "source", name=op.f("pk_scores")
        ),
    )
    op.create_table(
        "settlements",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("duplicate", sa.BigInteger(), nullable=False),
        sa.Column("dead", sa.BigInteger(), nullable=False),
        sa.Column("folded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "job_id", name=op.f("pk_settlements")),
    )
    op.create_index(
        "ix_settlements_open",
        "settlements",
        ["settled_at"],
        unique=False,
        postgresql_where=sa.text("NOT folded"),
    )
    op.create_index("ix_settlements_settled", "settlements", ["settled_at"], unique=False)
    op.create_table(
        "span_parts",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("otel_trace_id", sa.LargeBinary(), nullable=False),
        sa.Column("otel_span_id", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "part_id", name=op.f("pk_span_parts")),
    )
    op.create_index(
        "ix_span_parts_joined",
        "span_parts",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("payload IS NULL"),
    )
    op.create_index(
        "ix_span_parts_open",
        "span_parts",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("payload IS NOT NULL"),
    )
    op.create_index(
        "ix_span_parts_user",
        "span_parts",
        ["project_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL AND payload IS NOT NULL"),
    )
    op.create_table(
        "traces",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("otel_trace_id", sa.LargeBinary(), nullable=True),
        sa.Column("otel_span_id", sa.LargeBinary(), nullable=True),
        sa.Column("otel_parent_span_id", sa.LargeBinary(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("template_id", sa.Text(), nullable=True),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("system_prompt", sa.Text(), nullable=True),
        sa.Column("context", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("messages", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("response_time_ms", sa.Double(), nullable=True),
        sa.Column("time_to_first_token_ms", sa.Double(), nullable=True),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=True),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cache_read_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=True),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=True),
        sa.Column("token_source", sa.Text(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=20, scale=10), nullable=True),
        sa.Column("pricing_status", sa.Text(), nullable=False),
        sa.Column("price_source", sa.Text(), nullable=True),
        sa.Column("overall_quality", sa.Double(), nullable=True),
        sa.Column("safety_score", sa.Double(), nullable=True),
        sa.Column("is_safe", sa.Boolean(), nullable=True),
        sa.Column("flags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("hits", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("guard", sa.Text(), nullable=True),
        sa.Column("scores", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("marks", sa.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "trace_id", name=op.f("pk_traces")),
        postgresql_partition_by="RANGE (trace_id)",
    )
    op.create_index("ix_traces_model", "traces", ["project_id", "model_name", "trace_id"], unique=False)
    op.create_index("ix_traces_occurred", "traces", ["project_id", "source", "occurred_at"], unique=False)
    op.create_index(
        "ix_traces_otel",
        "traces",
        ["project_id", "otel_trace_id", "otel_span_id"],
        unique=False,
        postgresql_where=sa.text("otel_trace_id IS NOT NULL"),
    )
    op.create_index(
        "ix_traces_session",
        "traces",
        ["project_id", "session_id", "trace_id"],
        unique=False,
        postgresql_where=sa.text("session_id IS NOT NULL"),
    )
    op.create_index(
        "ix_traces_unpriced",
        "traces",
        ["project_id", "trace_id"],
        unique=False,
        postgresql_where=sa.text("pricing_status = 'unknown'"),
    )
    op.create_index(
        "ix_traces_unsafe",
        "traces",
        ["project_id", "trace_id"],
        unique=False,
        postgresql_where=sa.text("is_safe = false"),
    )
    op.create_index(
        "ix_traces_user",
        "traces",
        ["project_id", "user_id", "trace_id"],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "jobs",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cursor", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_jobs_state")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.project_id"], name=op.f("fk_jobs_project_id")),
        sa.PrimaryKeyConstraint("project_id", "job_id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_created", "jobs", ["project_id", "created_at"], unique=False)
    op.create_index(
        "ix_jobs_due",
        "jobs",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "api_keys",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("requests_per_minute > 0", name=op.f("ck_api_keys_requests_per_minute")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.project_id"], name=op.f("fk_api_keys_project_id")),
        sa.PrimaryKeyConstraint("project_id", "prefix", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "passwords",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.project_id"], name=op.f("fk_passwords_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_passwords")),
    )
    op.execute("INSERT INTO projects (project_id, name) VALUES ('default', 'Default')")


def downgrade() -> None:
    op.drop_table("passwords")
    op.drop_table("api_keys")
    op.drop_index(
        "ix_jobs_due", table_name="jobs", postgresql_where=sa.text("state IN ('queued', 'running')")
    )
    op.drop_index("ix_jobs_created", table_name="jobs")
    op.drop_table("jobs")
    op.drop_index("ix_traces_user", table_name="traces", postgresql_where=sa.text("user_id IS NOT NULL"))
    op.drop_index(
        "ix_traces_unpriced", table_name="traces", postgresql_where=sa.text("pricing_status = 'unknown'")
    )
    op.drop_index("ix_traces_unsafe", table_name="traces", postgresql_where=sa.text("is_safe = false"))
    op.drop_index(
        "ix_traces_session", table_name="traces", postgresql_where=sa.text("session_id IS NOT NULL")
    )
    op.drop_index(
        "ix_traces_otel", table_name="traces", postgresql_where=sa.text("otel_trace_id IS NOT NULL")
    )
    op.drop_index("ix_traces_occurred", table_name="traces")
    op.drop_index("ix_traces_model", table_name="traces")
    op.drop_table("traces")
    op.drop_index(
        "ix_span_parts_user",
        table_name="span_parts",
        postgresql_where=sa.text("user_id IS NOT NULL AND payload IS NOT NULL"),
    )
    op.drop_index(
        "ix_span_parts_open", table_name="span_parts", postgresql_where=sa.text("payload IS NOT NULL")
    )
    op.drop_index(
        "ix_span_parts_joined", table_name="span_parts", postgresql_where=sa.text("payload IS NULL")
    )
    op.drop_table("span_parts")
    op.drop_index("ix_settlements_settled", table_name="settlements")
    op.drop_index("ix_settlements_open", table_name="settlements", postgresql_where=sa.text("NOT folded"))
    op.drop_table("settlements")
    op.drop_table("scores")
    op.drop_index("ix_rollups_read", table_name="rollups")
    op.drop_index("ix_rollups_fold", table_name="rollups")
    op.drop_table("rollups")
    op.drop_table("projects")
    op.drop_table("observed_values")
    op.drop_table("ledger")
    op.drop_index("ix_feedback_user", table_name="feedback", postgresql_where=sa.text("user_id IS NOT NULL"))
    op.drop_index("ix_feedback_trace", table_name="feedback")
    op.drop_index("ix_feedback_created", table_name="feedback")
    op.drop_table("feedback")
    op.drop_index(
        "ix_dead_letters_user", table_name="dead_letters", postgresql_where=sa.text("user_id IS NOT NULL")
    )
    op.drop_index("ix_dead_letters_created", table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_table("audit_log")
