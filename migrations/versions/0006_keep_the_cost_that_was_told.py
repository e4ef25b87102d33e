"""Keep what a client said that a call cost, beside what the table of prices says.

Revision: 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("traces", sa.Column("reported_cost_usd", sa.Numeric(20, 10), nullable=True))


def downgrade() -> None:
    op.drop_column("traces", "reported_cost_usd")
