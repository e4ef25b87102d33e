"""The ledger's storage side: what became of the records of each queue job, counted exactly once."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import settlements

__all__ = ["fold_settlements", "settle", "settled_records"]

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


async def settled_records(connection: AsyncConnection, project_id: str, job_id: str) -> int | None:
    """Return how many records a job was settled with, None for a job without an outcome.

    0 says that the job was replaced by its halves and must never be settled itself.
    """
    columns = settlements.c
    return await connection.scalar(
        select(columns.stored + columns.duplicate + columns.dead).where(
            columns.project_id == project_id, columns.job_id == job_id
        )
    )


async def settle(
    connection: AsyncConnection, project_id: str, job_id: str, *, stored: int, duplicate: int, dead: int
) -> bool:
    """Write a job's outcome; False when another try was faster and this transaction must be undone."""
    row = await connection.execute(
        insert(settlements)
        .values(project_id=project_id, job_id=job_id, stored=stored, duplicate=duplicate, dead=dead)
        .on_conflict_do_nothing()
        .returning(settlements.c.job_id)
    )
    return row.first() is not None


async def fold_settlements(connection: AsyncConnection) -> None:
    """Add settled jobs to the ledger's sums and forget those too old to be delivered again."""
    await connection.execute(_FOLD)
    await connection.execute(_FORGET)
