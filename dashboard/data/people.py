"""Which users or sessions a page shows, as its address says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.reports.people import ORDERS, ListOrder, PeopleReport, read_people
from app.storage.traces.owners import Owner
from dashboard.data.queries import Queries
from dashboard.data.view import View

__all__ = ["TOP", "read_list", "read_order", "read_owner"]

TOP: Final = 50
_LONGEST_ID: Final = 4_096


def read_order(fields: Mapping[str, str]) -> ListOrder:
    """Return the order that an address names, the latest first if it names none."""
    return next((order for order in ORDERS if order == fields.get("order")), "latest")


def read_owner(fields: Mapping[str, str], field: str) -> str | None:
    """Return the user or session that an address names, None without a possible one."""
    found = fields.get(field, "").replace("\0", "")
    return found if 0 < len(found) <= _LONGEST_ID else None


async def read_list(queries: Queries, view: View, owner: Owner, order: ListOrder) -> PeopleReport:
    """Return the first users or sessions of a view; raises as `Queries.read`."""
    chosen = view.chosen(queries.clock(), queries.privacy)
    read = queries.read if order == "latest" else queries.figures
    return await read(
        view.project_id,
        lambda connection: read_people(connection, chosen, owner, order=order, top=TOP),
    )
