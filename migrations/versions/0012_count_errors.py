"""Count the stored calls that ended with an error in the rollups, as new ones are.

Revision: 0012.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Rows that add nothing but the measure; folding joins them to the others of their hour.
ADD = """
INSERT INTO rollups (
    project_id, source, dimension, value, model, template, grain, bucket, records, assessed, unsafe,
    quality_count, quality_sum, priced, cost_usd, prompt_tokens, completion_tokens,
    measures, counts, sums, hits
)
SELECT t.project_id, t.source, d.dimension, d.value, '', '', 3600,
    date_bin('1 hour', t.occurred_at, timestamptz 'epoch'), 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ARRAY['error'], ARRAY[count(*)], ARRAY[count(*)::double precision], ARRAY[0]
FROM traces AS t CROSS JOIN LATERAL (
    VALUES ('all', ''),
        ('model', CASE WHEN 'other:model' = ANY(t.marks) THEN '(other)' ELSE t.model_name END)
) AS d (dimension, value)
WHERE t.error <> '' AND t.kind IN ('llm', 'embedding')
GROUP BY 1, 2, 3, 4, 8
"""


def upgrade() -> None:
    op.execute(ADD)


def downgrade() -> None:
    """Leave the counts: nothing that came before reads this measure."""
