"""Keep signatures of the texts of blocks of calls, for the search for a text.

Revision: 0021.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "text_blocks",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("until_id", sa.Uuid(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "first_id", name="pk_text_blocks"),
    )
    # Half of the bits of a signature are set, so that compressing it gains nothing.
    op.execute("ALTER TABLE text_blocks ALTER COLUMN signature SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("text_blocks")
