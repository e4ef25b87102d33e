"""One measure of a bounded number of calls over time, with a line for each value of a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Double, any_, case, cast, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.charted import ChartMeasure
from app.filters.grouping import Dimension
from app.storage.tables import traces
from app.storage.traces.breakdown import grouped_by, value_of
from app.storage.traces.figures import bucket_of
from app.storage.traces.filtering import field_value
from app.storage.traces.sampling import Sample
from monitoring.statistics.zones import Buckets

__all__ = ["ChartedLine", "read_lines"]

_c = traces.c


class ChartedLine(NamedTuple):
    """The calls with one value of a field, None without a value.

    `points` has the number of values and what became of them by the number of the bucket from 0,
    and `whole` the same of all buckets. `groups` is the number of all values of the field.
    """

    value: str | None
    whole: tuple[int, float | None]
    points: dict[int, tuple[int, float | None]]
    groups: int


def _flagged(measure: ChartMeasure) -> ColumnElement[Any]:
    flag = measure.of.partition(":")[2]
    raised = _c.is_safe.is_(False) & (literal(flag) == any_(_c.flags))
    return case((_c.safety_score.is_(None), None), (raised, 1.0), else_=0.0)


_VALUES: Final[Mapping[str, Callable[[], ColumnElement[Any]]]] = {
    "requests": lambda: literal(1.0),
    "error": lambda: case((_c.error.is_not(None), 1.0), else_=0.0),
    "violations": lambda: case((_c.safety_score.is_(None), None), (_c.is_safe.is_(False), 1.0), else_=0.0),
    "tokens": lambda: func.coalesce(_c.prompt_tokens, 0) + func.coalesce(_c.completion_tokens, 0),
}
_COLUMNS: Final = frozenset(
    {"overall_quality", "safety_score", "cost_usd", "response_time_ms", "time_to_first_token_ms"}
)


async def read_lines(
    connection: AsyncConnection,
    sample: Sample,
    buckets: Buckets,
    measure: ChartMeasure,
    dimension: Dimension | None,
    *,
    most: int,
) -> list[ChartedLine]:
    """Return the lines of the `most` values with most calls, the busiest first.

    Without a field there is one line. A call with two tags is in two lines.
    """
    value: ColumnElement[Any] = cast(_value(measure), Double()).label("amount")
    key = literal(None, _c.model_name.type) if dimension is None else value_of(dimension)
    read = sample.calls(value, bucket_of(buckets), key.label("value")).cte("read")
    rows, (named,) = (read, [read.c.value]) if dimension is None else grouped_by(read, [dimension], ["value"])
    ranked = (
        select(named.label("value"), func.count().label("calls"), func.count().over().label("groups"))
        .select_from(rows)
        .group_by(named)
        .order_by(func.count().desc(), named)
        .limit(most)
        .cte("ranked")
    )
    joined = rows.join(ranked, named.is_not_distinct_from(ranked.c.value))
    keys = (ranked.c.value, ranked.c.calls, ranked.c.groups)
    statement = (
        select(
            *keys, read.c.bucket, func.count(read.c.amount).label("number"), _became(measure, read.c.amount)
        )
        .select_from(joined)
        .group_by(func.grouping_sets(tuple_(*keys), tuple_(*keys, read.c.bucket)))
        .order_by(ranked.c.calls.desc(), ranked.c.value)
    )
    return _lines(await connection.execute(statement))


def _lines(rows: Any) -> list[ChartedLine]:
    found: dict[str | None, ChartedLine] = {}
    for row in rows:
        line = found.get(row.value) or ChartedLine(row.value, (0, None), {}, row.groups)
        point = (row.number, row.amount)
        if row.bucket is None:
            line = line._replace(whole=point)
        else:
            line.points[row.bucket - 1] = point
        found[row.value] = line
    return list(found.values())


def _value(measure: ChartMeasure) -> ColumnElement[Any]:
    if measure.of in _COLUMNS:
        return _c[measure.of]
    if measure.of in _VALUES:
        return _VALUES[measure.of]()
    return _flagged(measure) if measure.name.startswith("flag:") else field_value("score", measure.of)


def _became(measure: ChartMeasure, amount: ColumnElement[Any]) -> ColumnElement[Any]:
    found: ColumnElement[Any]
    match measure.how:
        case "sum":
            found = func.coalesce(func.sum(amount), 0.0)
        case "mean":
            found = func.avg(amount)
        case "quantile":
            found = func.percentile_cont(measure.quantile).within_group(amount)
    return found.label("amount")
