"""Figures of a bounded number of stored calls, as reports on filtered calls show them.

They are what rollups would hold of these calls. Percentiles are exact here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Double,
    Select,
    Text,
    bindparam,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.measures import Counts, Group, Measure
from app.storage.tables import traces
from app.storage.traces.breakdown import COUNTED, counts_of, sums
from app.storage.traces.sampling import Sample
from monitoring.overall_quality import NAME as OVERALL_QUALITY
from monitoring.statistics.zones import Buckets

__all__ = [
    "FlagFigures",
    "Percentiles",
    "ScoreFigures",
    "Sums",
    "bucket_of",
    "read_flags",
    "read_percentiles",
    "read_scores",
    "read_sums",
]

_QUANTILES: Final = (
    "bucket, percentile_cont(:quantiles) WITHIN GROUP (ORDER BY value) AS quantiles",
    "chosen WHERE value IS NOT NULL GROUP BY GROUPING SETS ((), (bucket))",
)
_SCORES: Final = (
    (
        "name, model, count(*) AS number, sum(valued.value) AS total, count(*) FILTER (WHERE hit) AS hits, "
        "CASE WHEN grouping(model) = 1 THEN percentile_cont(:quantiles) WITHIN GROUP (ORDER BY valued.value) END AS quantiles"
    ),
    (
        "chosen, json_each(scores) AS given, LATERAL ("
        " SELECT given.key AS name, (given.value ->> 'value')::double precision AS value,"
        " given.key = ANY(hits) AS hit"
        " UNION ALL SELECT given.key || '.' || part.key, (part.value #>> '{}')::double precision, false"
        " FROM json_each(given.value -> 'parts') AS part"
        ") AS valued WHERE given.key <> :left_out AND valued.value IS NOT NULL GROUP BY GROUPING SETS ((name), (name, model))"
    ),
)
_COUNTED_SCORES: Final = (
    (
        "name, NULL AS model, count(*) AS number, sum(valued.value) AS total, "
        "count(*) FILTER (WHERE hit) AS hits, NULL AS quantiles"
    ),
    _SCORES[1].replace("GROUPING SETS ((name), (name, model))", "name"),
)
_FLAGS: Final = (
    "flag, bucket, model, template, count(*) AS number, (array_agg(trace_id ORDER BY trace_id DESC))[1:3] AS ids",
    "chosen, unnest(flags) AS flag GROUP BY GROUPING SETS ((flag), (flag, bucket), (flag, model, template))",
)
Percentiles = tuple[float | None, ...]


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and sums: in all, by the start of each bucket, and by model and template.

    A group without a template has an empty one, as in rollups. `safety` sums the safety scores.
    """

    total: Counts
    trend: dict[datetime, Counts]
    operations: list[Group]
    safety: Measure


class ScoreFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The values of every evaluator and part, with percentiles, and the same by model."""

    measures: dict[str, Measure]
    percentiles: dict[str, Percentiles]
    by_model: dict[str, dict[str, Measure]]


class FlagFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How often flags were raised: in all, by bucket, and by model and template with examples."""

    total: dict[str, int]
    trend: dict[str, dict[datetime, int]]
    patterns: list[tuple[str, str, str, int, tuple[UUID, ...]]]


def bucket_of(buckets: Buckets) -> ColumnElement[Any]:
    """Return the number of the bucket of a call, from 1."""
    edges = literal(list(buckets.edges), ARRAY(DateTime(timezone=True)))
    return func.width_bucket(traces.c.occurred_at, edges).label("bucket")


_MODEL: Final = traces.c.model_name.label("model")
_TEMPLATE: Final = func.coalesce(traces.c.template_id, "").label("template")


async def read_sums(connection: AsyncConnection, sample: Sample, buckets: Buckets) -> Sums:
    """Return counts and sums of the sampled calls."""
    read = sample.calls(*COUNTED, bucket_of(buckets), _MODEL, _TEMPLATE).cte("read")
    c = read.c
    sets = func.grouping_sets(tuple_(), tuple_(c.bucket), tuple_(c.model, c.template))
    which = func.grouping(c.bucket, c.model).label("which")
    safety = func.coalesce(func.sum(c.safety_score), 0.0).label("safety")
    rows = await connection.execute(
        select(which, c.bucket, c.model, c.template, safety, *sums(read)).group_by(sets)
    )
    total, found, trend, operations = Counts(), Measure(), {}, []
    for row in rows:
        counts = counts_of(row)
        match row.which:
            case 0b11:
                total, found = counts, Measure(counts.assessed, row.safety)
            case 0b01:
                trend[buckets.starts[row.bucket - 1]] = counts
            case _:
                operations.append(Group(value=row.template, model=row.model, template="", counts=counts))
    return Sums(total=total, trend=trend, operations=operations, safety=found)


async def read_percentiles(
    connection: AsyncConnection, sample: Sample, quantiles: Sequence[float], buckets: Buckets
) -> tuple[Percentiles, dict[datetime, Percentiles]]:
    """Return the quantiles of overall quality: in all, and of every bucket that has values."""
    read = sample.calls(traces.c.overall_quality.label("value"), bucket_of(buckets))
    rows = (await connection.execute(_over(_QUANTILES, read, quantiles))).all()
    found = {row.bucket: tuple(row.quantiles) for row in rows if row.quantiles is not None}
    whole = found.pop(None, (None,) * len(quantiles))
    return whole, {buckets.starts[number - 1]: values for number, values in found.items()}


async def read_scores(
    connection: AsyncConnection, sample: Sample, quantiles: Sequence[float]
) -> ScoreFigures:
    """Return the values that evaluators gave, and their parts as `evaluator.part`.

    Without quantiles there are no percentiles, and nothing by model.
    """
    statement = _SCORES if quantiles else _COUNTED_SCORES
    read = sample.calls(traces.c.scores, traces.c.hits, _MODEL)
    found = ScoreFigures(measures={}, percentiles={}, by_model={})
    for row in await connection.execute(_over(statement, read, quantiles)):
        measure = Measure(row.number, row.total, row.hits)
        if row.model is None:
            found.measures[row.name] = measure
            found.percentiles[row.name] = tuple(row.quantiles or ())
        else:
            found.by_model.setdefault(row.model, {})[row.name] = measure
    return found


async def read_flags(connection: AsyncConnection, sample: Sample, buckets: Buckets) -> FlagFigures:
    """Return how often each flag was raised, and the newest three calls of each pattern."""
    read = sample.calls(traces.c.trace_id, traces.c.flags, bucket_of(buckets), _MODEL, _TEMPLATE)
    found = FlagFigures(total={}, trend={}, patterns=[])
    for row in await connection.execute(_over(_FLAGS, read.where(traces.c.is_safe.is_(False)), ())):
        if row.model is not None:
            ids = tuple(UUID(bytes=one.bytes) for one in row.ids)
            found.patterns.append((row.flag, row.model, row.template, row.number, ids))
        elif row.bucket is not None:
            found.trend.setdefault(row.flag, {})[buckets.starts[row.bucket - 1]] = row.number
        else:
            found.total[row.flag] = row.number
    found.patterns.sort(key=lambda one: (-one[3], *one[:3]))
    return found


def _over(statement: tuple[str, str], read: Select[Any], quantiles: Sequence[float]) -> Select[Any]:
    """Return a statement (what is selected, and from what) over the rows of `chosen`."""
    selected, source = statement
    # What overall_quality is made of explains one record; its value is a column of its own.
    bound: dict[str, tuple[Any, Any]] = {
        "quantiles": (list(quantiles), ARRAY(Double)),
        "left_out": (OVERALL_QUALITY, Text()),
    }
    parts = [
        text(part).bindparams(*(bindparam(name, *bound[name]) for name in bound if f":{name}" in part))
        for part in (selected, source)
    ]
    return select(parts[0]).select_from(parts[1]).add_cte(read.cte("chosen"))
