"""Figures of models or templates side by side, computed from a bounded number of stored calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Double, Row, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.measures import Counts
from app.filters.grouping import Dimension
from app.storage.tables import traces
from app.storage.traces.breakdown import COUNTED, counts_of, sums, value_of
from app.storage.traces.sampling import Sample
from monitoring.statistics.intervals import Moments

__all__ = ["Measured", "Times", "read_side_by_side"]

_MOMENTS: Final = ("overall_quality", "cost_usd", "response_time_ms")
_TIMES: Final = ("response_time_ms", "time_to_first_token_ms")


class Times(msgspec.Struct, frozen=True):
    """The number of calls that report a duration in milliseconds, and quantiles of it."""

    count: int
    quantiles: tuple[float | None, ...]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one value of a field.

    `errors` are calls that ended with an error. The rest are the spreads of quality, cost in US
    dollars and duration.
    """

    value: str
    counts: Counts
    errors: int
    quality: Moments
    cost: Moments
    latency: Moments
    response_time: Times
    first_token: Times


async def read_side_by_side(
    connection: AsyncConnection, sample: Sample, dimension: Dimension, quantiles: Sequence[float]
) -> list[Measured]:
    """Return the figures of each value of a field, most calls first.

    Calls without a value are left out.
    """
    value = value_of(dimension).label("value")
    c = traces.c
    read = sample.calls(*COUNTED, c.error, *(c[name] for name in _TIMES), value).cte("read")
    statement = (
        select(read.c.value, *sums(read), *_spreads(read.c, quantiles))
        .where(read.c.value.is_not(None))
        .group_by(read.c.value)
        .order_by(func.count().desc(), read.c.value)
    )
    return [_measured(row) for row in await connection.execute(statement)]


def _spreads(c: Any, quantiles: Sequence[float]) -> list[ColumnElement[Any]]:
    wanted = literal(list(quantiles), ARRAY(Double))
    found: dict[str, ColumnElement[Any]] = {"errors": func.count(c.error)}
    for name in _MOMENTS:
        number: ColumnElement[float] = cast(c[name], Double())
        found |= {
            f"{name}_n": func.count(number),
            f"{name}_mean": func.coalesce(func.avg(number), 0.0),
            f"{name}_variance": func.coalesce(func.var_samp(number), 0.0),
        }
    for name in _TIMES:
        found[f"{name}_count"] = func.count(c[name])
        found[f"{name}_quantiles"] = func.percentile_cont(wanted).within_group(cast(c[name], Double()))
    return [column.label(name) for name, column in found.items()]


def _measured(row: Row[Any]) -> Measured:
    return Measured(
        value=row.value,
        counts=counts_of(row),
        errors=row.errors,
        quality=_moments(row, "overall_quality"),
        cost=_moments(row, "cost_usd"),
        latency=_moments(row, "response_time_ms"),
        response_time=_times(row, "response_time_ms"),
        first_token=_times(row, "time_to_first_token_ms"),
    )


def _moments(row: Row[Any], name: str) -> Moments:
    return Moments(*(getattr(row, f"{name}_{part}") for part in ("n", "mean", "variance")))


def _times(row: Row[Any], name: str) -> Times:
    quantiles = getattr(row, f"{name}_quantiles")
    return Times(getattr(row, f"{name}_count"), tuple(quantiles or (None, None, None)))
