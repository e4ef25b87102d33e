"""Users and sessions of a window: which ones, and what each did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, get_args

from app.filters.grouping import parse_group_by
from app.reports.breakdown import GroupFigures, Truncation, read_breakdown
from app.schemas.owners import Activity
from app.storage.engine import Connection
from app.storage.traces.owners import MOST_LISTED, Owner, read_activity, read_latest
from app.storage.traces.sampling import Chosen

__all__ = ["ORDERS", "ListOrder", "PeopleReport", "read_people"]

ListOrder = Literal["latest", "cost", "requests", "violations"]
ORDERS: Final[tuple[ListOrder, ...]] = get_args(ListOrder)
_FIELDS: Final[dict[Owner, str]] = {"user_id": "user", "session_id": "session"}


class PeopleReport(NamedTuple):
    """The first users or sessions in an order.

    `figures` holds exact figures by id where the order has some, of the calls that the filter lets
    pass. `number` is how many ids there are then. `activities` are of the newest MOST_LISTED calls
    of each.
    """

    activities: list[Activity]
    figures: dict[str, GroupFigures]
    number: int | None = None
    truncated: Truncation | None = None


async def read_people(
    connection: Connection, chosen: Chosen, owner: Owner, *, order: ListOrder, top: int
) -> PeopleReport:
    """Return the users or sessions whose calls are chosen: the latest, or the first by a figure.

    Raises InvalidParameter if finding their calls takes too long.
    """
    if order == "latest":
        latest = await read_latest(connection, chosen, owner, top)
        return PeopleReport(await _activities(connection, chosen, owner, latest), {})
    field = _FIELDS[owner]
    found = await read_breakdown(connection, chosen, parse_group_by([field]), order=order, top=top)
    groups = found.groups if found else ()
    figures = {value: group for group in groups if group.filter and (value := group.values[field])}
    return PeopleReport(
        await _activities(connection, chosen, owner, list(figures)),
        figures,
        len(groups) + found.rest_groups if found else None,
        found.truncated if found else None,
    )


async def _activities(
    connection: Connection, chosen: Chosen, owner: Owner, owners: Sequence[str]
) -> list[Activity]:
    return await read_activity(connection, chosen, owner, owners, most=MOST_LISTED)
