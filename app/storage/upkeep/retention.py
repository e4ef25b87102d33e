"""Deletion of expired data, a batch at a time, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["EXPIRING", "delete_expired", "delete_old_rollups", "forget_jobs"]

# What is stored about a trace is deleted with it: the name of each table, and how its rows are
# found by trace.
EXPIRING: Sequence[str] = ("traces", "scores", "feedback", "labels", "review_claims", "dead_letters")

_FIND: dict[str, TextClause] = {
    table: text(
        f"SELECT trace_id FROM {table} WHERE project_id = :project_id "  # noqa: S608 names of tables
        "AND trace_id >= :after AND trace_id < :before ORDER BY trace_id LIMIT :most"
    )
    for table in EXPIRING
}
_DELETE: dict[str, TextClause] = {
    table: text(
        f"DELETE FROM {table} WHERE project_id = :project_id "  # noqa: S608 names of tables
        "AND trace_id >= :first AND trace_id <= :last"
    )
    for table in EXPIRING
}
# Hours of all calls together are kept beside the day that covers them.
_ROLLUPS = text(
    "DELETE FROM rollups WHERE bucket < :before AND (grain = 86400 OR (covered AND grain = 3600))"
)
_JOBS = text("DELETE FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND updated_at < :before")


async def delete_expired(
    connection: AsyncConnection, table: str, project_id: str, *, after: UUID, before: UUID, most: int
) -> UUID | None:
    """Delete the oldest `most` rows of a project in [after, before).

    Returns the last id, None when all are deleted. The next batch continues from that id, so that
    it does not read the gaps that this one left.
    """
    bounds = {"project_id": project_id, "after": after, "before": before, "most": most}
    found = (await connection.execute(_FIND[table], bounds)).scalars().all()
    if not found:
        return None
    span = {"project_id": project_id, "first": found[0], "last": found[-1]}
    await connection.execute(_DELETE[table], span)
    return UUID(bytes=found[-1].bytes) if len(found) == most else None


async def delete_old_rollups(connection: AsyncConnection, before: datetime) -> None:
    """Delete the figures of days before an aware moment."""
    await connection.execute(_ROLLUPS, {"before": before})


async def forget_jobs(connection: AsyncConnection, before: datetime) -> None:
    """Delete jobs that ended before an aware moment."""
    await connection.execute(_JOBS, {"before": before})
