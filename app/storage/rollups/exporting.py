"""Rollups of an export: the buckets that have figures, and their rows as JSON."""

# ruff: noqa: S608 - fragments are constants of this module; values of callers are bound

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.grains import DAY, HOUR
from app.storage.rollups.covering import KEEP_HOURS_OF_NAMES

__all__ = ["Bucket", "ExportedRollups", "find_buckets", "read_bucket", "rollups_between"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SOURCES: Final = ("live", "evaluate", "import")
_BUCKET = "date_bin(make_interval(secs => :grain), bucket, timestamptz 'epoch')"
_WITHIN = (
    "project_id = :project_id AND source = ANY(:sources) AND bucket >= :start AND bucket < :end "
    "AND (NOT covered AND grain <= :grain OR covered AND grain = :grain)"
)
_FIND = text(
    f"SELECT DISTINCT dimension, {_BUCKET} AS at FROM rollups WHERE {_WITHIN} "
    f"AND (dimension, {_BUCKET}) > (:dimension, CAST(:after AS timestamptz)) ORDER BY 1, 2 LIMIT :most"
)
_READ = text(f"""
SELECT convert_to(row_to_json(r)::text, 'UTF8') FROM (
    SELECT CAST(:start AS timestamptz) AS timestamp, CAST(:grain AS bigint) AS seconds, source, dimension, value,
        model AS model_name, template AS template_id, sum(records)::bigint AS requests,
        sum(assessed)::bigint AS assessed, sum(unsafe)::bigint AS violations,
        sum(quality_count)::bigint AS quality_count, sum(quality_sum) AS quality_sum,
        sum(priced)::bigint AS priced, trim_scale(sum(cost_usd)) AS cost_usd,
        sum(prompt_tokens)::bigint AS prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens
    FROM rollups WHERE {_WITHIN} AND dimension = :dimension
    GROUP BY source, dimension, value, model, template HAVING sum(records) <> 0
    ORDER BY source, value, model, template
) AS r""")


class Bucket(NamedTuple):
    """The figures of one dimension from one moment on."""

    dimension: str
    start: datetime


class ExportedRollups(NamedTuple):
    """Which figures are exported: of whole buckets of `grain` seconds from `start` to `end`."""

    project_id: str
    source: str | None
    start: datetime
    end: datetime
    grain: int


def rollups_between(
    project_id: str, source: str | None, start: datetime | None, end: datetime, now: datetime
) -> ExportedRollups:
    """Return the rollups of a period, by the hour where all hours are kept, else by the day.

    The period is widened to whole buckets. `source` is None for all sources.
    """
    grain = HOUR if start is not None and start >= now - KEEP_HOURS_OF_NAMES else DAY
    width = timedelta(seconds=grain)
    begin = start or _EPOCH
    return ExportedRollups(
        project_id, source, begin - (begin - _EPOCH) % width, end + (_EPOCH - end) % width, grain
    )


async def find_buckets(
    connection: AsyncConnection, exported: ExportedRollups, after: Bucket | None, most: int
) -> list[Bucket]:
    """Return the next buckets with figures, by dimension and time."""
    dimension, start = after or ("", _EPOCH)
    bounds = {**_bind(exported), "dimension": dimension, "after": start, "most": most}
    return [Bucket(row.dimension, row.at) for row in await connection.execute(_FIND, bounds)]


async def read_bucket(
    connection: AsyncConnection, exported: ExportedRollups, bucket: Bucket
) -> Sequence[bytes]:
    """Return the rows of a bucket, each as JSON."""
    end = bucket.start + timedelta(seconds=exported.grain)
    bounds = {**_bind(exported), "dimension": bucket.dimension, "start": bucket.start, "end": end}
    return (await connection.execute(_READ, bounds)).scalars().all()


def _bind(exported: ExportedRollups) -> dict[str, Any]:
    sources = list(_SOURCES) if exported.source is None else [exported.source]
    return {
        "project_id": exported.project_id,
        "sources": sources,
        "start": exported.start,
        "end": exported.end,
        "grain": exported.grain,
    }
