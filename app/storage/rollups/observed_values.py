"""Which client-supplied names are counted by themselves, so that their number stays capped."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["admit_values", "forget_days", "read_values"]

_ADMIT = text("""
WITH room AS (
    SELECT greatest(:cap - count(*), 0) AS free FROM observed_values
    WHERE project_id = :project_id AND day = :day AND dimension = :dimension
), known AS (
    SELECT value FROM observed_values
    WHERE project_id = :project_id AND day = :day AND dimension = :dimension
        AND value = ANY(CAST(:values AS text[]))
), added AS (
    INSERT INTO observed_values (project_id, day, dimension, value)
    SELECT :project_id, :day, :dimension, value FROM unnest(CAST(:values AS text[])) AS value
    WHERE value NOT IN (SELECT value FROM known)
    ORDER BY value LIMIT (SELECT free FROM room)
    ON CONFLICT (project_id, day, dimension, value) DO UPDATE SET value = excluded.value
    RETURNING value
)
SELECT value FROM known UNION SELECT value FROM added
""")
_READ = text(
    "SELECT DISTINCT value FROM observed_values WHERE project_id = :project_id AND day >= :since "
    "AND dimension = :dimension"
)
_FORGET = text("DELETE FROM observed_values WHERE day < :before")


async def admit_values(
    connection: AsyncConnection, project_id: str, day: date, dimension: str, values: Collection[str], cap: int
) -> set[str]:
    """Register names seen on a day while fewer than `cap` are; returns those that count by themselves.

    Replicas that register at the same moment may pass the cap by what one of them adds. A name that
    another one registers meanwhile is waited for, and updated so that it is returned here too.
    """
    rows = await connection.execute(
        _ADMIT,
        {
            "project_id": project_id,
            "day": day,
            "dimension": dimension,
            "values": sorted(values),
            "cap": cap,
        },
    )
    return set(rows.scalars())


async def read_values(
    connection: AsyncConnection, project_id: str, dimension: str, *, since: date
) -> set[str]:
    """Return the names that were seen on a day or after it."""
    parameters = {"project_id": project_id, "dimension": dimension, "since": since}
    return set((await connection.execute(_READ, parameters)).scalars())


async def forget_days(connection: AsyncConnection, before: date) -> None:
    """Forget the names of days before `before`."""
    await connection.execute(_FORGET, {"before": before})
