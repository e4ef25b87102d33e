"""Figures of one score of a bounded number of stored calls: over time, by fields, by label."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Double, func, literal, select, tuple_, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from app.filters.grouping import Dimension
from app.storage.tables import traces
from app.storage.traces.breakdown import grouped_by, value_of
from app.storage.traces.figures import Percentiles, bucket_of
from app.storage.traces.filtering import field_value
from app.storage.traces.sampling import Sample
from monitoring.statistics.intervals import Moments
from monitoring.statistics.zones import Buckets

__all__ = ["ScoredGroup", "count_labels", "read_score_groups", "read_score_trend"]


class ScoredGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one group: all, those with a safety verdict, those flagged, and the score."""

    values: tuple[str | None, ...]
    records: int
    assessed: int
    unsafe: int
    scored: Moments


async def read_score_trend(
    connection: AsyncConnection, sample: Sample, score: str, quantiles: Sequence[float], buckets: Buckets
) -> dict[datetime | None, tuple[int, float | None, float, Percentiles]]:
    """Return number, mean, variance and quantiles of a score by the start of the bucket.

    Those of all calls together are under None.
    """
    read = sample.calls(_column(score).label("value"), bucket_of(buckets)).cte("read")
    c = read.c
    wanted = literal([*quantiles], ARRAY(Double))
    spread = type_coerce(func.percentile_cont(wanted).within_group(c.value), ARRAY(Double)).label("quantiles")
    statement = (
        select(
            c.bucket,
            func.count().label("number"),
            func.avg(c.value).label("mean"),
            func.coalesce(func.var_samp(c.value), 0.0).label("variance"),
            spread,
        )
        .where(c.value.is_not(None))
        .group_by(func.grouping_sets(tuple_(), tuple_(c.bucket)))
    )
    unknown = (None,) * len(quantiles)
    return {
        row.bucket and buckets.starts[row.bucket - 1]: (
            row.number,
            row.mean,
            row.variance,
            tuple(row.quantiles) if row.quantiles else unknown,
        )
        for row in await connection.execute(statement)
    }


async def read_score_groups(
    connection: AsyncConnection, sample: Sample, score: str, dimensions: Sequence[Dimension], *, most: int
) -> list[ScoredGroup]:
    """Return the groups with most calls. A call with two tags is in two groups."""
    names = [f"value_{number}" for number in range(len(dimensions))]
    read = sample.calls(
        *(value_of(one).label(name) for one, name in zip(dimensions, names, strict=True)),
        _column(score).label("score"),
        traces.c.safety_score,
        traces.c.is_safe,
    ).cte("read")
    c = read.c
    rows, keys = grouped_by(read, dimensions, names)
    statement = (
        select(
            *keys,
            func.count().label("records"),
            func.count(c.safety_score).label("assessed"),
            func.count().filter(c.is_safe.is_(False)).label("unsafe"),
            func.count(c.score).label("scored"),
            func.coalesce(func.avg(c.score), 0.0).label("mean"),
            func.coalesce(func.var_samp(c.score), 0.0).label("variance"),
        )
        .select_from(rows)
        .group_by(*keys)
        .order_by(func.count().desc(), *keys)
        .limit(most)
    )
    return [
        ScoredGroup(
            values=tuple(getattr(row, name) for name in names),
            records=row.records,
            assessed=row.assessed,
            unsafe=row.unsafe,
            scored=Moments(row.scored, row.mean, row.variance),
        )
        for row in await connection.execute(statement)
    ]


async def count_labels(connection: AsyncConnection, sample: Sample, evaluator: str) -> dict[str, int]:
    """Return how many of the calls have each label of an evaluator."""
    read = sample.calls(field_value("label", evaluator).label("label")).subquery("read")
    statement = select(read.c.label, func.count()).where(read.c.label.is_not(None)).group_by(read.c.label)
    return {label: number for label, number in await connection.execute(statement)}  # noqa: C416 rows are no pairs


def _column(score: str) -> ColumnElement[Any]:
    return traces.c[score] if score in {"overall_quality", "safety_score"} else field_value("score", score)
