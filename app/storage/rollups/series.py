"""Sums of one measure by value of a dimension and by bucket, for alert rules.

Buckets are minutes or hours. Minutes are kept for three hours, so older figures are read by the
hour.
"""

# ruff: noqa: S608 - fragments are constants of this module; values of callers are bound

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.measures import Counts, Measure
from app.figures.observation import LABEL_PREFIX

__all__ = ["Bucket", "Series", "read_bins", "read_busiest", "read_first_bucket", "read_labels", "read_sums"]

_MINE = (
    "project_id = :project_id AND source = 'live' AND dimension = :dimension "
    "AND bucket >= :start AND bucket < :end"
)
_CHOSEN = "AND (CAST(:values AS text[]) IS NULL OR value = ANY(CAST(:values AS text[])))"
_PICKED = (
    f"(SELECT * FROM rollups WHERE {_MINE} AND NOT covered AND grain <= :grain {_CHOSEN}"
    f" UNION ALL SELECT * FROM rollups WHERE {_MINE} AND covered AND grain = :grain {_CHOSEN}) AS picked"
)
_AT = "date_bin(make_interval(secs => :grain), bucket, timestamptz 'epoch') AS at"
_PLACE = "array_position(measures, CAST(:measure AS text))"
_TYPES = {"quality_sum": "double precision", "cost_usd": "numeric"}
_COUNTS = ", ".join(
    f"coalesce(sum({name}), 0)::{_TYPES.get(name, 'bigint')} AS {name}" for name in Counts.__struct_fields__
)
_SUMS = text(
    f"SELECT value, {_AT}, {_COUNTS}, coalesce(sum(counts[{_PLACE}]), 0)::bigint AS number,"
    f" coalesce(sum(sums[{_PLACE}]), 0)::double precision AS total,"
    f" coalesce(sum(hits[{_PLACE}]), 0)::bigint AS hit FROM {_PICKED} GROUP BY 1, 2"
)
# A measure's bins are next to each other.
_BINS = text(
    f"WITH held AS MATERIALIZED (SELECT value, {_AT}, {_PLACE}::smallint AS wanted,"
    f" bin_measures, bins, bin_counts FROM {_PICKED}), "
    "placed AS MATERIALIZED (SELECT *, array_position(bin_measures, wanted) AS first,"
    " cardinality(array_positions(bin_measures, wanted)) AS length FROM held) "
    "SELECT value, at, bins[first : first + length - 1] AS bins,"
    " bin_counts[first : first + length - 1] AS numbers FROM placed WHERE length > 0"
)
_LABELS = text(
    f"SELECT value, at, substr(measure, length(:prefix) + 1) AS label, sum(count)::bigint AS number FROM"
    f" (SELECT value, {_AT}, unnest(measures) AS measure, unnest(counts) AS count FROM {_PICKED}) AS m"
    " WHERE starts_with(measure, :prefix) GROUP BY 1, 2, 3"
)
_BUSIEST = text(
    f"SELECT value FROM {_PICKED} GROUP BY value HAVING sum(records) > 0 "
    "ORDER BY sum(records) DESC, value LIMIT :most"
)
_FIRST = text(
    "SELECT min(bucket) FROM rollups WHERE project_id = :project_id AND source = 'live' "
    "AND dimension = 'all' AND NOT covered"
)


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Which figures are read: of a dimension, of some of its values, from `start` to `end`.

    `grain` is the length of a bucket in seconds, 60 or 3600. None in `values` means all.
    """

    dimension: str
    start: datetime
    end: datetime
    grain: int
    values: tuple[str, ...] | None = None
    measure: str | None = None


class Bucket(msgspec.Struct, frozen=True):
    """The sums of one bucket: of all records, and of the measure."""

    counts: Counts
    measure: Measure


Place = tuple[str, datetime]


async def read_sums(connection: AsyncConnection, project_id: str, series: Series) -> dict[Place, Bucket]:
    """Return the sums by value and by the start of the bucket."""
    rows = await connection.execute(_SUMS, _bound(project_id, series))
    return {
        (row.value, row.at): Bucket(
            Counts(**{name: getattr(row, name) for name in Counts.__struct_fields__}),
            Measure(row.number, row.total if row.number else 0.0, row.hit),
        )
        for row in rows
    }


async def read_bins(
    connection: AsyncConnection, project_id: str, series: Series
) -> dict[Place, dict[int | str, int]]:
    """Return the histograms of the measure by value and by the start of the bucket."""
    found: dict[Place, dict[int | str, int]] = {}
    for row in await connection.execute(_BINS, _bound(project_id, series)):
        bins = found.setdefault((row.value, row.at), {})
        for place, number in zip(row.bins, row.numbers, strict=True):
            bins[place] = bins.get(place, 0) + number
    return found


async def read_labels(
    connection: AsyncConnection, project_id: str, series: Series, evaluator: str
) -> dict[Place, dict[int | str, int]]:
    """Return the number of calls by label of an evaluator, by value and by bucket."""
    parameters = _bound(project_id, series) | {"prefix": f"{LABEL_PREFIX}{evaluator}:"}
    del parameters["measure"]
    found: dict[Place, dict[int | str, int]] = {}
    for row in await connection.execute(_LABELS, parameters):
        found.setdefault((row.value, row.at), {})[row.label] = row.number
    return found


async def read_busiest(
    connection: AsyncConnection, project_id: str, series: Series, *, most: int
) -> Sequence[str]:
    """Return the values of the dimension with most records, the busiest first."""
    parameters = _bound(project_id, series) | {"most": most}
    del parameters["measure"]
    return (await connection.execute(_BUSIEST, parameters)).scalars().all()


async def read_first_bucket(connection: AsyncConnection, project_id: str) -> datetime | None:
    """Return the start of the first bucket of a project's live figures, None without any."""
    found: datetime | None = await connection.scalar(_FIRST, {"project_id": project_id})
    return found


def _bound(project_id: str, series: Series) -> dict[str, Any]:
    width = timedelta(seconds=series.grain)
    if series.grain not in {60, 3600} or series.start > series.end:
        raise ValueError(f"{width} is no bucket of a series, or its end is before its start")
    return {
        "project_id": project_id,
        "dimension": series.dimension,
        "start": series.start,
        "end": series.end,
        "grain": series.grain,
        "values": None if series.values is None else list(series.values),
        "measure": series.measure,
    }
