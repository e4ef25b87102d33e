"""Figures by one or two fields, computed from a bounded number of stored calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Row,
    Text,
    case,
    cast,
    desc,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.measures import Counts, Grouped, Groups, Order
from app.figures.observation import OTHER
from app.filters.grouping import Dimension
from app.storage.tables import traces
from app.storage.traces.filtering import field_value, metadata_text
from app.storage.traces.sampling import Sample

__all__ = ["COUNTED", "counts_of", "grouped_by", "read_groups", "read_sum", "sums", "value_of"]

# Longer values of metadata, lists and objects are one group.
_LONGEST_VALUE = 512
_ORDERS: Final[dict[Order, tuple[str, ...]]] = {
    "cost": ("cost_usd", "records"),
    "requests": ("records",),
    "violations": ("unsafe", "records"),
}
COUNTED: Final = tuple(
    traces.c[name]
    for name in (
        "safety_score",
        "is_safe",
        "overall_quality",
        "cost_usd",
        "prompt_tokens",
        "completion_tokens",
    )
)
"""The columns that `sums` adds up."""


def sums(of: Any) -> list[ColumnElement[Any]]:
    """Return the figures of rows with the columns COUNTED, under the names of `Counts`."""
    c = of.c
    found = {
        "records": func.count(),
        "assessed": func.count(c.safety_score),
        "unsafe": func.count().filter(c.is_safe.is_(False)),
        "quality_count": func.count(c.overall_quality),
        "quality_sum": func.coalesce(func.sum(c.overall_quality), 0.0),
        "priced": func.count(c.cost_usd),
        "cost_usd": func.coalesce(func.sum(c.cost_usd), 0),
        "prompt_tokens": cast(func.coalesce(func.sum(c.prompt_tokens), 0), BigInteger()),
        "completion_tokens": cast(func.coalesce(func.sum(c.completion_tokens), 0), BigInteger()),
    }
    return [column.label(name) for name, column in found.items()]


def counts_of(row: Row[Any]) -> Counts:
    """Return the figures in a row that has `sums`."""
    return Counts(**{name: getattr(row, name) for name in Counts.__struct_fields__})


async def read_sum(connection: AsyncConnection, sample: Sample) -> Counts:
    """Return the figures of all sampled calls together."""
    read = sample.calls(*COUNTED).subquery("read")
    return counts_of((await connection.execute(select(*sums(read)))).one())


async def read_groups(
    connection: AsyncConnection, sample: Sample, dimensions: Sequence[Dimension], *, order: Order, most: int
) -> Groups:
    """Return the first groups of the sampled calls in an order, and the figures of all of them.

    A call without a tag is in no group of tags, and a call with several is in each.
    """
    names = [f"value_{number}" for number in range(len(dimensions))]
    values = [value_of(one).label(name) for one, name in zip(dimensions, names, strict=True)]
    read = sample.calls(*COUNTED, *values).cte("read").prefix_with("MATERIALIZED")
    rows, keys = grouped_by(read, dimensions, names)
    grouped = select(*keys, *sums(read)).select_from(rows).group_by(*keys).cte("grouped")
    first = (
        select(literal(0).label("whole"), grouped, func.count().over().label("number"))
        .order_by(*(desc(grouped.c[one]) for one in _ORDERS[order]), *(grouped.c[one] for one in names))
        .limit(most)
    )
    every = [
        cast(func.coalesce(func.sum(grouped.c[name]), 0), grouped.c[name].type).label(name)
        for name in Counts.__struct_fields__
    ]
    nothing = [cast(null(), Text()).label(name) for name in names]
    total = select(literal(1).label("whole"), *nothing, *sums(read), literal(0).label("number"))
    held = select(literal(2).label("whole"), *nothing, *every, literal(0).label("number"))
    statement: CompoundSelect[Any] = union_all(first, total.select_from(read), held.select_from(grouped))
    found: Sequence[Row[Any]] = (await connection.execute(statement)).all()
    whole = {row.whole: counts_of(row) for row in found if row.whole}
    return Groups(
        groups=tuple(
            Grouped(values=tuple(getattr(row, name) for name in names), counts=counts_of(row))
            for row in found
            if not row.whole
        ),
        total=whole[1],
        held=whole[2],
        number=max(row.number for row in found),
        since=sample.since,
        read=sample.read,
    )


def value_of(dimension: Dimension) -> ColumnElement[Any]:
    """Return the value by which a call is grouped; for tags it is the list of all."""
    if dimension.key:
        value, there = metadata_text(dimension.key), traces.c.metadata[dimension.key].astext.is_not(None)
        return case((func.length(value) <= _LONGEST_VALUE, value), (there, OTHER))
    columns = {"model": "model_name", "user": "user_id", "session": "session_id", "template": "template_id"}
    if dimension.field == "tag":
        return traces.c.tags
    return func.nullif(field_value(columns.get(dimension.field, dimension.field)), "")


def grouped_by(
    read: Any, dimensions: Sequence[Dimension], names: Sequence[str]
) -> tuple[Any, list[ColumnElement[Any]]]:
    """Return rows with a call once for each of its tags, and the columns to group them by.

    `names` are the columns of `read` that hold the values of the fields.
    """
    rows: Any = read
    keys: list[ColumnElement[Any]] = []
    for dimension, name in zip(dimensions, names, strict=True):
        if dimension.overlaps:
            distinct = (
                select(func.unnest(read.c[name]).label("tag"))
                .correlate(read)
                .distinct()
                .lateral(f"tags_of_{name}")
            )
            rows = rows.join(distinct, literal(value=True))
            keys.append(distinct.c.tag.label(name))
        else:
            keys.append(read.c[name].label(name))
    return rows, keys
