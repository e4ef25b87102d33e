"""Name the call that a span tells of once more, and let spans of one call be found.

Revision: 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("traces", sa.Column("restates", sa.Uuid(), nullable=True))
    op.add_column("traces", sa.Column("restates_because", sa.Text(), nullable=True))
    op.create_index(
        "ix_traces_restates",
        "traces",
        ["project_id", "restates"],
        unique=False,
        postgresql_where=sa.text("restates IS NOT NULL"),
    )
    op.create_index(
        "ix_traces_usage",
        "traces",
        ["project_id", "prompt_tokens", "completion_tokens", "occurred_at"],
        unique=False,
        postgresql_where=sa.text("otel_trace_id IS NOT NULL AND kind IN ('llm', 'embedding')"),
    )
    op.create_index(
        "ix_traces_streamed",
        "traces",
        ["project_id", sa.text("((response_time_ms = 0)::int)"), "occurred_at"],
        unique=False,
        postgresql_where=sa.text(
            "otel_trace_id IS NOT NULL AND kind = 'llm' AND "
            "(response_time_ms = 0 OR (completion_tokens = 0 AND token_source <> 'reported'))"
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_traces_streamed", table_name="traces")
    op.drop_index("ix_traces_usage", table_name="traces")
    op.drop_index("ix_traces_restates", table_name="traces")
    op.drop_column("traces", "restates_because")
    op.drop_column("traces", "restates")
