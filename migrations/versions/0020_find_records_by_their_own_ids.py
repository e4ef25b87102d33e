"""Find a call by the id that its client gave it.

Revision: 0020.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_traces_client",
        "traces",
        ["project_id", sa.text("hashtextextended(client_id, 0)")],
        unique=False,
        postgresql_where=sa.text("client_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_traces_client", table_name="traces")
