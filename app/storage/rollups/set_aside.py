"""Figures that a sum cannot be taken with: taken out of rollups, and noted by project and day.

A row is out of bounds when its average is beyond what one record may hold (`monitoring.bounds`). Whatever
else a row holds, it then adds no more to a sum than as many records within bounds would, so that what is left
can always be added up.
"""

# ruff: noqa: S608 - fragments are constants of this module; what a caller gives is a bound parameter

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from monitoring.bounds import MOST_TOKENS, MOST_USD, MOST_VALUE

__all__ = [
    "SetAside",
    "forget_day",
    "note_days",
    "projects_out_of_bounds",
    "projects_with_figures",
    "read_set_aside",
    "set_aside_days",
    "set_aside_figures",
]


class SetAside(msgspec.Struct, frozen=True):
    """What is missing in the figures of a project: batches that could not be added up, and days that lost values."""

    batches: int = 0
    days: int = 0


def _beyond(total: str, count: str, most: object) -> str:
    # As doubles, because the product may not fit into 64 bits; NaN is greater than any number in Postgres.
    return f"(abs({total})::double precision > {most} * greatest(abs({count}), 1)::double precision)"


_QUALITY = _beyond("r.quality_sum", "r.quality_count", MOST_VALUE)
_COST = _beyond("r.cost_usd", "r.priced", MOST_USD)
_PROMPT = _beyond("r.prompt_tokens", "r.records", MOST_TOKENS)
_COMPLETION = _beyond("r.completion_tokens", "r.records", MOST_TOKENS)
_MEASURE = _beyond("u.sum", "u.count", MOST_VALUE)
_OUT_OF_BOUNDS = (
    f"({_QUALITY} OR {_COST} OR {_PROMPT} OR {_COMPLETION} OR EXISTS "
    f"(SELECT FROM unnest(r.sums, r.counts) AS u (sum, count) WHERE {_MEASURE}))"
)


def _kept(column: str) -> str:
    """Return an array with zeros where its measure is out of bounds."""
    return (
        f"{column} = (SELECT coalesce(array_agg(CASE WHEN {_MEASURE} THEN 0 ELSE u.value END ORDER BY u.place), '{{}}')"
        f" FROM unnest(r.{column}, r.sums, r.counts) WITH ORDINALITY AS u (value, sum, count, place))"
    )


def _kept_bins(column: str) -> str:
    """Return an array of the histogram without the bins of measures out of bounds."""
    beyond = _beyond("r.sums[u.measure]", "r.counts[u.measure]", MOST_VALUE)
    return (
        f"{column} = (SELECT coalesce(array_agg(u.value ORDER BY u.place) FILTER (WHERE NOT {beyond}), '{{}}')"
        f" FROM unnest(r.{column}, r.bin_measures) WITH ORDINALITY AS u (value, measure, place))"
    )


_NOTE = """
INSERT INTO set_aside_figures AS s (project_id, day, figures)
SELECT :project_id, day, number FROM {found} AS found (day, number)
ON CONFLICT (project_id, day) DO UPDATE SET figures = s.figures + excluded.figures
"""
_DAY = "(r.bucket AT TIME ZONE 'UTC')::date"
_SET_ASIDE = text(
    "WITH noted AS ("
    + _NOTE.format(
        found=f"(SELECT {_DAY}, count(*) FROM rollups AS r WHERE r.project_id = :project_id AND {_OUT_OF_BOUNDS}"
        " GROUP BY 1)"
    )
    + ") UPDATE rollups AS r SET "
    + ", ".join(
        f"{column} = CASE WHEN {beyond} THEN 0 ELSE r.{column} END"
        for column, beyond in (
            ("quality_count", _QUALITY),
            ("quality_sum", _QUALITY),
            ("priced", _COST),
            ("cost_usd", _COST),
            ("prompt_tokens", _PROMPT),
            ("completion_tokens", _COMPLETION),
        )
    )
    + ", "
    + ", ".join([_kept("counts"), _kept("sums"), _kept("hits")])
    + ", "
    + ", ".join([_kept_bins("bin_measures"), _kept_bins("bins"), _kept_bins("bin_counts")])
    + f" WHERE r.project_id = :project_id AND {_OUT_OF_BOUNDS}"
)
_NOTE_DAYS = text(_NOTE.format(found="unnest(CAST(:days AS date[]), CAST(:numbers AS bigint[]))"))
_PROJECTS_OUT_OF_BOUNDS = text(
    f"SELECT DISTINCT project_id FROM rollups AS r WHERE {_OUT_OF_BOUNDS} ORDER BY 1"
)
# One step from project to project through an index, instead of reading all rows.
_PROJECTS = text("""
WITH RECURSIVE found AS (
    (SELECT project_id FROM rollups WHERE NOT covered ORDER BY project_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.project_id FROM rollups AS r WHERE NOT covered AND r.project_id > found.project_id
        ORDER BY r.project_id LIMIT 1)
    FROM found WHERE found.project_id IS NOT NULL
)
SELECT project_id FROM found WHERE project_id IS NOT NULL
""")
_READ = text("""
SELECT project_id, sum(batches)::bigint AS batches, sum(days)::bigint AS days
FROM (
    SELECT project_id, count(*) AS batches, 0 AS days FROM rollup_batches WHERE faulty GROUP BY 1
    UNION ALL
    SELECT project_id, 0, count(*) FROM set_aside_figures GROUP BY 1
) AS found
GROUP BY project_id
""")
_DAYS = text("SELECT day FROM set_aside_figures WHERE project_id = :project_id ORDER BY day")
_FORGET = text("DELETE FROM set_aside_figures WHERE project_id = :project_id AND day = :day")


async def set_aside_figures(connection: AsyncConnection, project_id: str) -> int:
    """Take what is out of bounds out of a project's rollups and note its days; returns how many rows lost some.

    Folding replaces rows, so the caller holds the lock UPKEEP.
    """
    return (await connection.execute(_SET_ASIDE, {"project_id": project_id})).rowcount


async def note_days(connection: AsyncConnection, project_id: str, days: Sequence[date]) -> None:
    """Note days of which figures have to be counted anew."""
    if days:
        parameters = {"project_id": project_id, "days": [*days], "numbers": [0] * len(days)}
        await connection.execute(_NOTE_DAYS, parameters)


async def projects_out_of_bounds(connection: AsyncConnection) -> list[str]:
    """Return the projects with rollups that are out of bounds; it looks at every row."""
    return list((await connection.execute(_PROJECTS_OUT_OF_BOUNDS)).scalars())


async def projects_with_figures(connection: AsyncConnection) -> list[str]:
    """Return the projects that have rollups."""
    return list((await connection.execute(_PROJECTS)).scalars())


async def read_set_aside(connection: AsyncConnection) -> dict[str, SetAside]:
    """Return what is missing in figures, by project; those that miss nothing are left out."""
    rows = await connection.execute(_READ)
    return {row.project_id: SetAside(row.batches, row.days) for row in rows}


async def set_aside_days(connection: AsyncConnection, project_id: str) -> list[date]:
    """Return the days of which a project's figures miss values, the oldest first."""
    return list((await connection.execute(_DAYS, {"project_id": project_id})).scalars())


async def forget_day(connection: AsyncConnection, project_id: str, day: date) -> None:
    """Note that the figures of a day miss nothing any more, or nothing that could be had."""
    await connection.execute(_FORGET, {"project_id": project_id, "day": day})
