"""Sums over the newest priced calls of a window, for what money went into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Integer,
    Numeric,
    Row,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.filters.grouping import Dimension
from app.storage.tables import traces
from app.storage.traces.breakdown import grouped_by, value_of
from app.storage.traces.sampling import Sample
from app.storage.traces.spending import read_in_time
from monitoring.spending.usage import BILLED, Usage

__all__ = ["GOOD_QUALITY", "Spent", "read_spent", "without_values"]

GOOD_QUALITY: Final = 0.5
"""The least `overall_quality` of a good answer; it is that of an ordinary one."""

# Calls without a price are among these: looking for as many with one could read the whole window.
_MOST_LOOKED_AT: Final = 20_000
# Prices change at these lengths of the input.
_LENGTHS: Final = (32_000, 128_000, 200_000, 256_000, 272_000)
_PRICED_BY: Final = ("provider", "model_name", "service_tier")
_ADDED: Final = ("calls", "cost", "judged", "good", "judged_cost", "squares", "good_cost")


class Spent(msgspec.Struct, frozen=True):
    """Sums over the newest priced calls of one model, provider and tier, and one range of lengths.

    `judged` calls have a quality or an error, and `good` ones a quality of at least GOOD_QUALITY,
    no error and no flag. `squares` is the sum of the squared costs of judged calls. `values` are
    those of the fields that were grouped by, and `lengths` numbers the range of lengths.
    """

    provider: str | None
    model_name: str
    service_tier: str | None
    lengths: int
    calls: int
    cost: Decimal
    latest: Any
    usage: Usage
    judged: int
    good: int
    judged_cost: Decimal
    squares: float
    good_cost: float
    values: tuple[str | None, ...] = ()


async def read_spent(
    connection: AsyncConnection, sample: Sample, dimensions: Sequence[Dimension] = ()
) -> list[Spent]:
    """Return sums over the priced calls among the newest 20,000; empty if that takes too long.

    A call without a tag is in no group of tags, and a call with several is in each.
    """
    c = traces.c
    names = [f"value_{number}" for number in range(len(dimensions))]
    values = [value_of(one).label(name) for one, name in zip(dimensions, names, strict=True)]
    good = func.coalesce(c.overall_quality >= GOOD_QUALITY, False)
    looked_at = (
        sample.calls(
            *(c[name] for name in (*_PRICED_BY, "cost_usd", "occurred_at", *BILLED)),
            or_(c.overall_quality.is_not(None), c.error.is_not(None)).label("judged"),
            (good & c.error.is_(None) & c.is_safe.is_not(False)).label("good"),
            *values,
        )
        .order_by(c.occurred_at.desc())
        .limit(_MOST_LOOKED_AT)
        .subquery("looked_at")
    )
    newest = select(looked_at).where(looked_at.c.cost_usd.is_not(None)).cte("newest")
    rows, keys = grouped_by(newest, dimensions, names)
    n = newest.c
    prompt = func.coalesce(n.prompt_tokens, 0)
    lengths = func.width_bucket(prompt, literal(list(_LENGTHS), ARRAY(Integer))).label("lengths")
    by = [*(n[name] for name in _PRICED_BY), lengths, *keys]
    statement = select(*by, *_sums(n)).select_from(rows).group_by(*by)
    return [_spent(row, names) for row in await read_in_time(connection, statement)]


def without_values(spent: Iterable[Spent]) -> list[Spent]:
    """Return the sums of the same calls as if no field had been grouped by.

    Each call must be in one group, so the fields may not overlap.
    """
    parts: dict[tuple[str | int | None, ...], list[Spent]] = {}
    for one in spent:
        parts.setdefault((one.provider, one.model_name, one.service_tier, one.lengths), []).append(one)
    return [_together(each) for each in parts.values()]


def _together(parts: Sequence[Spent]) -> Spent:
    sums = {name: sum(getattr(one, name) for one in parts) for name in _ADDED}
    usage = Usage(*map(sum, zip(*(msgspec.structs.astuple(one.usage) for one in parts), strict=True)))
    latest = max(one.latest for one in parts)
    return msgspec.structs.replace(parts[0], **sums, usage=usage, latest=latest, values=())


def _sums(n: Any) -> list[Any]:
    judged = n.judged
    cost: ColumnElement[float] = cast(n.cost_usd, Double())
    paid_well = case((n.judged & n.good, n.cost_usd))
    found = {
        "calls": func.count(),
        "cost": func.sum(n.cost_usd),
        "latest": func.max(n.occurred_at),
        **{name: func.coalesce(cast(func.sum(n[name]), Numeric()), 0) for name in BILLED},
        "judged": func.count().filter(judged),
        "good": func.count().filter(judged & n.good),
        "judged_cost": func.coalesce(func.sum(case((judged, n.cost_usd))), 0),
        "squares": func.coalesce(func.sum(case((judged, cost * cost))), 0.0),
        "good_cost": cast(func.coalesce(func.sum(paid_well), 0), Double()),
    }
    return [column.label(name) for name, column in found.items()]


def _spent(row: Row[Any], names: Sequence[str]) -> Spent:
    own = {name: getattr(row, name) for name in Spent.__struct_fields__ if name not in {"usage", "values"}}
    usage = Usage(*(max(int(getattr(row, name) or 0), 0) for name in BILLED))
    return Spent(**own, usage=usage, values=tuple(getattr(row, name) for name in names))
