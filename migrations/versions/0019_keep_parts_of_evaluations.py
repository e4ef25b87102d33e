"""Keep evaluations in parts: what waits for the queue, and which calls their results are.

Revision: 0019.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# Evaluations of earlier versions have their calls in the parameters of their job.
_TAKE_OVER = """
INSERT INTO evaluation_parts (project_id, job_id, part, first_item, items, lines, trace_ids, state)
SELECT project_id, job_id, 1, 1, count(*), array_agg(n ORDER BY n), array_agg(trace_id ORDER BY n),
    CASE WHEN bool_or(open) THEN 'queued' ELSE 'settled' END
FROM (
    SELECT project_id, job_id, state IN ('queued', 'running') AS open, n::int AS n,
        (one ->> 'trace_id')::uuid AS trace_id
    FROM jobs, jsonb_array_elements(parameters -> 'results') WITH ORDINALITY AS each(one, n)
    WHERE kind = 'evaluate'
) AS results
GROUP BY project_id, job_id
"""
_FORGET = """
UPDATE jobs SET parameters = jsonb_build_object(
    'errors', coalesce(parameters -> 'errors', '[]'),
    'rejected', jsonb_array_length(coalesce(parameters -> 'errors', '[]'))
) WHERE kind = 'evaluate'
"""


def upgrade() -> None:
    op.create_table(
        "evaluation_parts",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("first_item", sa.Integer(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("lines", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("trace_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'queued', 'settled')", name=op.f("ck_evaluation_parts_state")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.project_id"], name=op.f("fk_evaluation_parts_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "job_id", "part", name=op.f("pk_evaluation_parts")),
    )
    op.create_index(
        "ix_evaluation_parts_open",
        "evaluation_parts",
        ["project_id", "job_id", "part"],
        postgresql_where=sa.text("state <> 'settled'"),
    )
    op.create_index("ix_evaluation_parts_created", "evaluation_parts", ["created_at"])
    op.execute(_TAKE_OVER)
    op.execute(_FORGET)


def downgrade() -> None:
    op.drop_table("evaluation_parts")
