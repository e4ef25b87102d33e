"""The storage of the ledger: the outcome of each queue job's records, counted exactly once."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.budget_tables import budgets
from app.storage.tables import settlements

__all__ = ["Settled", "fold_settlements", "settle", "settled_records"]

_FOLD = text("""
WITH folded AS (
    UPDATE settlements SET folded = true
    WHERE NOT folded AND settled_at < now() - interval '1 minute'
    RETURNING project_id, stored, duplicate, dead
), sums AS (
    SELECT project_id, sum(stored) AS stored, sum(duplicate) AS duplicate, sum(dead) AS dead
    FROM folded GROUP BY project_id
)
INSERT INTO ledger (project_id, stored, duplicate, dead)
SELECT project_id, stored, duplicate, dead FROM sums
ON CONFLICT (project_id) DO UPDATE SET
    stored = ledger.stored + excluded.stored,
    duplicate = ledger.duplicate + excluded.duplicate,
    dead = ledger.dead + excluded.dead
""")
_FORGET = text("DELETE FROM settlements WHERE folded AND settled_at < now() - interval '3 days'")


class Settled(NamedTuple):
    """The outcome of a job is written; `has_budgets` says whether its project has a budget."""

    has_budgets: bool


async def settled_records(connection: AsyncConnection, project_id: str, job_id: str) -> int | None:
    """Return how many records a job was settled with, None for a job without an outcome.

    0 means that the job was replaced by its halves and must never be settled itself.
    """
    columns = settlements.c
    return await connection.scalar(
        select(columns.stored + columns.duplicate + columns.dead).where(
            columns.project_id == project_id, columns.job_id == job_id
        )
    )


async def settle(
    connection: AsyncConnection, project_id: str, job_id: str, *, stored: int, duplicate: int, dead: int
) -> Settled | None:
    """Write a job's outcome; None if another attempt was faster and this one must be undone.

    Budgets are looked for here, because a question of its own would delay every job.
    """
    has_budgets = select(budgets.c.budget_id).where(budgets.c.project_id == project_id).exists()
    rows = await connection.execute(
        insert(settlements)
        .values(project_id=project_id, job_id=job_id, stored=stored, duplicate=duplicate, dead=dead)
        .on_conflict_do_nothing()
        .returning(has_budgets)
    )
    row = rows.first()
    return None if row is None else Settled(row[0])


async def fold_settlements(connection: AsyncConnection) -> None:
    """Add settled jobs to the ledger's sums, and delete those too old to be delivered again."""
    await connection.execute(_FOLD)
    await connection.execute(_FORGET)
