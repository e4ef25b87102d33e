"""What became of accepted records, as Postgres knows it."""

from __future__ import annotations

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["Settled", "read_settled", "settled_jobs"]


class Settled(msgspec.Struct, frozen=True):
    """Records of one project by outcome: stored, already stored by another job, given up."""

    stored: int = 0
    duplicate: int = 0
    dead: int = 0

    @property
    def total(self) -> int:
        """Number of records with an outcome."""
        return self.stored + self.duplicate + self.dead


_SETTLED = text("""
SELECT project_id, sum(stored)::bigint AS stored, sum(duplicate)::bigint AS duplicate, sum(dead)::bigint AS dead
FROM (
    SELECT project_id, stored, duplicate, dead FROM ledger
    UNION ALL
    SELECT project_id, stored, duplicate, dead FROM settlements WHERE NOT folded
) AS outcomes
GROUP BY project_id
""")
# A job that was replaced by its halves has a settlement of nothing: it is in flight until they are queued.
_JOBS = text("""
SELECT job_id FROM settlements
WHERE job_id = ANY(:job_ids) AND project_id = ANY(:project_ids) AND stored + duplicate + dead > 0
""")


async def read_settled(connection: AsyncConnection) -> dict[str, Settled]:
    """Return the outcomes of every project since its beginning, in one reading."""
    rows = await connection.execute(_SETTLED)
    return {row.project_id: Settled(row.stored, row.duplicate, row.dead) for row in rows}


async def settled_jobs(
    connection: AsyncConnection, project_ids: list[str], job_ids: list[str]
) -> frozenset[str]:
    """Return those of the jobs whose outcome is written already, although they may still be in the queue."""
    if not job_ids:
        return frozenset()
    rows = await connection.execute(_JOBS, {"project_ids": project_ids, "job_ids": job_ids})
    return frozenset(rows.scalars())
