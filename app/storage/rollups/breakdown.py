"""Figures of a window by one or two fields, as far as rollups hold them."""

# ruff: noqa: S608 - fragments are constants of this module; values of callers are bound

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.measures import Grouped, Groups, Order
from app.storage.rollups.reading import PICKED, SCALARS, bind, counts_of
from monitoring.statistics.trends import Window, floor_time

__all__ = ["holds", "read_groups"]

_ORDERS: Final[dict[Order, str]] = {
    "cost": "sum(cost_usd) DESC, sum(records) DESC",
    "requests": "sum(records) DESC",
    "violations": "sum(unsafe) DESC, sum(records) DESC",
}
# The dimension of rollups that holds the fields, and the columns with their values.
_HELD: Final[dict[frozenset[str], tuple[str, dict[str, str]]]] = {
    frozenset({"model"}): ("model", {"model": "value"}),
    frozenset({"user"}): ("user", {"user": "value"}),
    frozenset({"session"}): ("session", {"session": "value"}),
    frozenset({"tag"}): ("tag", {"tag": "value"}),
    frozenset({"template"}): ("template", {"template": "value"}),
    frozenset({"template", "model"}): ("template", {"template": "value", "model": "model"}),
}


def holds(fields: tuple[str, ...]) -> bool:
    """Tell whether rollups hold the figures by these fields."""
    return frozenset(fields) in _HELD


async def read_groups(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    fields: tuple[str, ...],
    source: str = "live",
    *,
    order: Order,
    most: int,
) -> Groups:
    """Return the first groups of a window in an order, and the figures of all calls.

    Models are kept by the minute, and all other fields by the hour. So a window of minutes begins
    with its first hour here, and `since` says so.
    """
    dimension, columns = _HELD[frozenset(fields)]
    start = window.start if dimension == "model" else floor_time(window.start, "hour")
    keys = ", ".join(columns[field] for field in fields)
    statement = text(
        f"SELECT {keys}, {SCALARS}, count(*) OVER () AS groups FROM {PICKED} "
        f"GROUP BY {keys} HAVING sum(records) > 0 ORDER BY {_ORDERS[order]}, {keys} LIMIT :most"
    )
    totals = text(f"SELECT {SCALARS} FROM {PICKED}")
    bound = bind(project_id, window, source, dimension, start)
    rows = (await connection.execute(statement, bound | {"most": most})).all()
    held = counts_of((await connection.execute(totals, bound)).one())
    whole = bound | {"dimension": "all"}
    total = counts_of((await connection.execute(totals, whole)).one())
    found = [
        Grouped(values=tuple(getattr(row, columns[field]) or None for field in fields), counts=counts_of(row))
        for row in rows
    ]
    missing = total - held
    if dimension in {"user", "session"} and missing.records:
        found.append(Grouped(values=(None,), counts=missing))
        held = total
    return Groups(
        groups=tuple(found),
        total=total,
        held=held,
        number=(rows[0].groups if rows else 0) + (len(found) - len(rows)),
        since=start,
    )
