"""Say what changed with each transition of an alert, and keep several values in a filter.

Revision: 0015.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SEVERAL = """
UPDATE alert_rules SET definition = jsonb_set(definition, '{filter}', jsonb_build_object(
    'dimension', definition #> '{filter,dimension}',
    'values', jsonb_build_array(definition #> '{filter,value}')
)) WHERE definition #> '{filter,value}' IS NOT NULL
"""
ONE = """
UPDATE alert_rules SET definition = jsonb_set(definition, '{filter}', jsonb_build_object(
    'dimension', definition #> '{filter,dimension}', 'value', definition #> '{filter,values,0}'
)) WHERE definition #> '{filter,values}' IS NOT NULL
"""


def upgrade() -> None:
    op.add_column("alert_transitions", sa.Column("change", sa.Text))
    op.execute(SEVERAL)


def downgrade() -> None:
    op.execute(ONE)
    op.drop_column("alert_transitions", "change")
