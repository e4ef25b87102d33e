"""Reading rollups: every figure of a time window is a sum over buckets, never over traces.

Each function takes a connection, a project, a window and a source (`live`, `evaluate` or `import`).
Counts and sums are exact. Histograms are kept for all calls together, and per model for quality,
safety, times and cost.

Breakdowns (by user, session, tag, template, flag, or the label of a descriptive evaluator) are kept
by the hour. So a window of minutes is answered from the start of its first hour.
"""

# ruff: noqa: S608 - fragments are constants of this module; values of callers are bound

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.grains import GRAINS
from app.figures.measures import Counts, Group, Histogram, Measure
from monitoring.bounds import MOST_VALUE
from monitoring.statistics.trends import Window, floor_time

__all__ = [
    "PICKED",
    "SCALARS",
    "Key",
    "bind",
    "counts_of",
    "read_breakdown",
    "read_breakdown_measures",
    "read_costliest",
    "read_flag_examples",
    "read_histograms",
    "read_measure_trends",
    "read_measures",
    "read_model_measures",
    "read_models",
    "read_records",
    "read_totals",
    "read_trend",
    "read_trend_histograms",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BY_MINUTE = frozenset({"all", "model"})
_TYPES = {"quality_sum": "double precision", "cost_usd": "numeric"}
_COUNTED = Counts.__struct_fields__
# Lists of thousands of groups read only the sums that they show.
_COSTS = ("records", "priced", "cost_usd", "prompt_tokens", "completion_tokens")
_FLAGS = ("records",)


def _sums(names: Sequence[str]) -> str:
    return ", ".join(f"coalesce(sum({name}), 0)::{_TYPES.get(name, 'bigint')} AS {name}" for name in names)


SCALARS = _sums(_COUNTED)
_KEY = (
    "project_id = :project_id AND source = :source AND dimension = :dimension "
    "AND bucket >= :start AND bucket < :end"
)
_WITHIN = "bucket + make_interval(secs => grain) <= :end"
# Rows that nothing covers and that end within the window, and rows that are covered by a row that
# begins before the window or ends after it.
_EDGES = {grain: (f"begin_{into}", f"end_{into}") for grain, into in pairwise(GRAINS)}
PICKED = (
    f"(SELECT * FROM rollups WHERE {_KEY} AND {_WITHIN} AND NOT covered"
    + "".join(
        f" UNION ALL SELECT * FROM rollups WHERE {_KEY} AND {_WITHIN} AND covered AND grain = {grain} AND {part}"
        for grain, (begin, end) in _EDGES.items()
        for part in (f"bucket < :{begin}", f"bucket >= :{begin} AND bucket >= :{end}")
    )
    + ") AS picked"
)
# Rows of the trend's own grain, covered or not, and finer rows that nothing covers yet.
_EVEN = (
    f"(SELECT * FROM rollups WHERE {_KEY} AND NOT covered AND grain <= :grain"
    f" UNION ALL SELECT * FROM rollups WHERE {_KEY} AND covered AND grain = :grain) AS picked"
)
_BUCKET = "date_bin(:width, bucket, timestamptz 'epoch')"
# In a select list these advance together. It costs half of a lateral unnest of as many arrays.
_MEASURES = "unnest(measures) AS measure, unnest(counts) AS count, unnest(sums) AS total, unnest(hits) AS hit"
_BINS = "unnest(bin_measures) AS measure, unnest(bins) AS bin, unnest(bin_counts) AS number"
_SUMS = "sum(count)::bigint AS number, sum(total)::double precision AS total, sum(hit)::bigint AS hits"

_TOTALS = text(f"SELECT {SCALARS} FROM {PICKED}")
_TREND = text(f"SELECT {_BUCKET} AS at, {SCALARS} FROM {_EVEN} GROUP BY 1 ORDER BY 1")
_ALL_MEASURES = text(f"SELECT measure, {_SUMS} FROM (SELECT {_MEASURES} FROM {PICKED}) AS m GROUP BY 1")
_MEASURE_TRENDS = text(
    f"SELECT measure, at, {_SUMS} FROM (SELECT {_BUCKET} AS at, {_MEASURES} FROM {_EVEN}) AS m "
    "WHERE measure = ANY(:wanted) GROUP BY 1, 2 ORDER BY 1, 2"
)
# One row per value instead of one per measure, because rows are the cost of reading outside of
# Postgres.
_GROUP_MEASURES = text(
    "SELECT value, array_agg(measure) AS measures, array_agg(number) AS numbers, array_agg(total) AS totals,"
    f" array_agg(hits) AS hits FROM (SELECT value, measure, {_SUMS} FROM"
    f" (SELECT value, {_MEASURES} FROM {PICKED} WHERE CAST(:values AS text[]) IS NULL OR value = ANY(:values))"
    " AS m GROUP BY 1, 2) AS summed GROUP BY value"
)
# Bins are sent as arrays, with one name per array and not per bin.
_HISTOGRAMS = text(
    "WITH picked AS MATERIALIZED ("
    " SELECT dense_rank() OVER (ORDER BY measures) AS layout, measures, bin_measures, bins, bin_counts"
    f" FROM {PICKED} WHERE measures && CAST(:wanted AS text[])"
    "), gathered AS ("
    " SELECT layout, measure, array_agg(bin) AS bins, array_agg(number) AS numbers"
    f" FROM (SELECT layout, {_BINS} FROM picked) AS held GROUP BY 1, 2"
    "), layouts AS (SELECT DISTINCT layout, measures FROM picked) "
    "SELECT measures[measure] AS measure, bins, numbers FROM gathered JOIN layouts USING (layout) "
    "WHERE measures[measure] = ANY(:wanted)"
)
# A measure's bins are next to each other, so the others are not read.
_TREND_HISTOGRAMS = text(
    f"WITH held AS MATERIALIZED (SELECT {_BUCKET} AS at, array_position(measures, :wanted)::smallint AS wanted,"
    f" bin_measures, bins, bin_counts FROM {_EVEN}), "
    "placed AS MATERIALIZED (SELECT *, array_position(bin_measures, wanted) AS first,"
    " cardinality(array_positions(bin_measures, wanted)) AS length FROM held) "
    "SELECT at, bins[first : first + length - 1] AS bins, bin_counts[first : first + length - 1] AS numbers "
    "FROM placed WHERE length > 0"
)


def _most(names: Sequence[str], order: str = "sum(records) DESC") -> TextClause:
    return text(
        f"SELECT value, model, template, {_sums(names)} FROM {PICKED} "
        "GROUP BY value, model, template HAVING sum(records) > 0 "
        f"ORDER BY {order}, value, model, template LIMIT :most"
    )


_BREAKDOWN, _FLAGGED = _most(_COUNTED), _most(_FLAGS)
_COSTLIEST = _most(_COSTS, "sum(cost_usd) DESC, sum(records) DESC")
_WANTED = (
    "(value, model, template) IN (SELECT * FROM unnest("
    "CAST(:values AS text[]), CAST(:models AS text[]), CAST(:templates AS text[])))"
)
_RECORDS = text(
    f"SELECT value, model, template, sum(records)::bigint AS records FROM {PICKED} WHERE {_WANTED} GROUP BY 1, 2, 3"
)
_EXAMPLES = text(
    "SELECT value, model, template, (array_agg(id ORDER BY id DESC))[1:3] AS ids "
    f"FROM {PICKED}, unnest(examples) AS id WHERE {_WANTED} GROUP BY value, model, template"
)

_Of = TypeVar("_Of", str, datetime)
Key = tuple[str, str, str]
"""A group of a breakdown: value, model and template. The latter two are empty if it has none."""


async def read_totals(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    source: str = "live",
) -> Counts:
    """Return the figures of the whole window; they are zero without records."""
    rows = await connection.execute(_TOTALS, _one(project_id, window, source))
    return counts_of(rows.one())


async def read_trend(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    source: str = "live",
) -> dict[datetime, Counts]:
    """Return the figures of every bucket of the window that has records, by the bucket's start."""
    parameters = _one(project_id, window, source) | _even(window)
    rows = await connection.execute(_TREND, parameters)
    return {row.at: counts_of(row) for row in rows}


async def read_measures(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    source: str = "live",
) -> dict[str, Measure]:
    """Return every measure of the window by name: evaluators, parts, durations, costs, flags."""
    rows = await connection.execute(_ALL_MEASURES, _one(project_id, window, source))
    return {row.measure: _measure(row) for row in rows}


async def read_measure_trends(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    measures: Sequence[str],
    source: str = "live",
) -> dict[str, dict[datetime, Measure]]:
    """Return the wanted measures by name and by the start of the bucket."""
    parameters = _one(project_id, window, source) | _even(window) | {"wanted": [*measures]}
    trends: dict[str, dict[datetime, Measure]] = {}
    for row in await connection.execute(_MEASURE_TRENDS, parameters):
        trends.setdefault(row.measure, {})[row.at] = _measure(row)
    return trends


async def read_histograms(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    measures: Sequence[str],
    source: str = "live",
) -> dict[str, Histogram]:
    """Return the histograms of the wanted measures over the whole window."""
    parameters = _one(project_id, window, source) | {"wanted": [*measures]}
    rows = await connection.execute(_HISTOGRAMS, parameters)
    return _histograms((row.measure, row.bins, row.numbers) for row in rows)


async def read_trend_histograms(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    measure: str,
    source: str = "live",
) -> dict[datetime, Histogram]:
    """Return the histogram of one measure for every bucket that has values of it."""
    parameters = _one(project_id, window, source) | _even(window) | {"wanted": measure}
    rows = await connection.execute(_TREND_HISTOGRAMS, parameters)
    return _histograms((row.at, row.bins, row.numbers) for row in rows)


async def read_models(
    connection: AsyncConnection, project_id: str, window: Window, source: str = "live"
) -> list[Group]:
    """Return the figures of every model, most records first. Together they make the total."""
    parameters = bind(project_id, window, source, "model", window.start) | {"most": None}
    return [_group(row) for row in await connection.execute(_BREAKDOWN, parameters)]


async def read_model_measures(
    connection: AsyncConnection, project_id: str, window: Window, models: Sequence[str], source: str = "live"
) -> dict[str, dict[str, Measure]]:
    """Return every measure of the wanted models, by model and by name."""
    parameters = bind(project_id, window, source, "model", window.start) | {"values": [*models]}
    return _grouped(await connection.execute(_GROUP_MEASURES, parameters))


async def read_breakdown(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    dimension: str,
    source: str = "live",
    most: int = 100,
) -> list[Group]:
    """Return the figures of each value of a dimension, the one with most records first.

    `template` groups are per model. `flag` groups are per model and template, and count only
    flagged records.
    """
    parameters = bind(project_id, window, source, dimension, _hour(window)) | {"most": most}
    statement, names = (_FLAGGED, _FLAGS) if dimension == "flag" else (_BREAKDOWN, _COUNTED)
    return [_group(row, names) for row in await connection.execute(statement, parameters)]


async def read_costliest(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    dimension: str,
    source: str = "live",
    most: int = 10,
) -> list[Group]:
    """Return the values of a dimension whose records cost most in all.

    The costliest is first, then the most frequent. They have counts of records, costs and tokens;
    quality and safety are zero.
    """
    parameters = bind(project_id, window, source, dimension, _hour(window)) | {"most": most}
    return [_group(row, _COSTS) for row in await connection.execute(_COSTLIEST, parameters)]


async def read_records(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    dimension: str,
    keys: Sequence[Key],
    source: str = "live",
) -> dict[Key, int]:
    """Return the number of records of each of the groups that has any."""
    parameters = bind(project_id, window, source, dimension, _hour(window)) | _wanted(keys)
    rows = await connection.execute(_RECORDS, parameters)
    return {(row.value, row.model, row.template): row.records for row in rows}


async def read_flag_examples(
    connection: AsyncConnection, project_id: str, window: Window, keys: Sequence[Key], source: str = "live"
) -> dict[Key, tuple[UUID, ...]]:
    """Return the newest three trace ids of each of the groups of flags."""
    parameters = bind(project_id, window, source, "flag", _hour(window)) | _wanted(keys)
    rows = await connection.execute(_EXAMPLES, parameters)
    return {
        (row.value, row.model, row.template): tuple(UUID(bytes=trace_id.bytes) for trace_id in row.ids)
        for row in rows
    }


async def read_breakdown_measures(
    connection: AsyncConnection, project_id: str, window: Window, dimension: str, source: str = "live"
) -> dict[str, dict[str, Measure]]:
    """Return every measure by label of a descriptive evaluator (the dimension) and by name."""
    parameters = bind(project_id, window, source, dimension, _hour(window)) | {"values": None}
    return _grouped(await connection.execute(_GROUP_MEASURES, parameters))


def _one(project_id: str, window: Window, source: str) -> dict[str, Any]:
    return bind(project_id, window, source, "all", window.start)


def bind(project_id: str, window: Window, source: str, dimension: str, start: datetime) -> dict[str, Any]:
    """Return the parameters of PICKED for one dimension and a window that begins at `start`.

    Dimensions that are kept by the hour are read to the end of the last hour.
    """
    hour = timedelta(hours=1)
    end = window.end if dimension in _BY_MINUTE else window.end + (_EPOCH - window.end) % hour
    edges: dict[str, datetime] = {}
    for (first, last), into in zip(_EDGES.values(), GRAINS[1:], strict=True):
        width = timedelta(seconds=into)
        edges |= {first: start + (_EPOCH - start) % width, last: end - (end - _EPOCH) % width}
    of = {"project_id": project_id, "source": source, "dimension": dimension}
    return {**of, "start": start, "end": end, **edges}


def _even(window: Window) -> dict[str, Any]:
    return {"width": window.bucket, "grain": int(window.bucket.total_seconds())}


def _hour(window: Window) -> datetime:
    return floor_time(window.start, "hour")


def counts_of(row: Row[Any], names: Sequence[str] = _COUNTED) -> Counts:
    """Return the figures in a row that has SCALARS, or some of them."""
    return Counts(**{name: getattr(row, name) for name in names})


def _measure(row: Row[Any]) -> Measure:
    # Counts may fall to zero after corrections, and a sum of floats then leaves a tiny rest.
    return Measure(row.number, _checked(row.total, row.number) if row.number else 0.0, row.hits)


def _checked(total: float, number: int) -> float:
    """Return a sum if that many values within bounds can make it.

    Raises OverflowError otherwise.
    """
    if not abs(total) <= MOST_VALUE * abs(number):
        raise OverflowError("a sum is beyond every bound")
    return total


def _histograms(parts: Iterable[tuple[_Of, Sequence[int], Sequence[int]]]) -> dict[_Of, Histogram]:
    """Return one histogram of each one's parts. A bucket may occur in it several times."""
    found: dict[_Of, tuple[list[int], list[int]]] = {}
    for of, bins, numbers in parts:
        held = found.setdefault(of, ([], []))
        held[0].extend(bins)
        held[1].extend(numbers)
    return {of: Histogram(tuple(bins), tuple(numbers)) for of, (bins, numbers) in found.items()}


def _group(row: Row[Any], names: Sequence[str] = _COUNTED) -> Group:
    return Group(
        value=row.value,
        model=row.model,
        template=row.template,
        counts=counts_of(row, names),
    )


def _wanted(keys: Sequence[Key]) -> dict[str, list[str]]:
    values, models, templates = zip(*keys, strict=True) if keys else ((), (), ())
    return {"values": list(values), "models": list(models), "templates": list(templates)}


def _grouped(rows: Any) -> dict[str, dict[str, Measure]]:
    return {
        row.value: {
            measure: Measure(number, _checked(total, number) if number else 0.0, hits)
            for measure, number, total, hits in zip(
                row.measures, row.numbers, row.totals, row.hits, strict=True
            )
        }
        for row in rows
    }
