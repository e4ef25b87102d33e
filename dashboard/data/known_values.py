"""The values that the filter box proposes: those that the calls of a period have."""

from __future__ import annotations

from functools import partial
from typing import Final

from app.filters.grouping import parse_group_by
from app.reports.breakdown import read_breakdown
from app.storage.engine import Connection
from app.storage.traces.sampling import Chosen
from dashboard.data.queries import Queries
from dashboard.data.shared import Shared
from dashboard.data.view import View
from monitoring.models import SafetyFlag

__all__ = ["KnownValues"]

_FIELDS: Final = ("model", "template", "tag")
_MOST: Final = 50
_SECONDS: Final = 60.0


class KnownValues:
    """Reads the values of fields from rollups, once a minute for everybody who asks the same."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._found: Shared[dict[str, list[str]]] = Shared(_SECONDS)

    async def read(self, view: View) -> dict[str, list[str]]:
        """Return the most frequent values of each field in a period, whatever the filter is.

        Raises Unavailable or Overloaded.
        """
        meant = View(view.project_id, view.period, view.source, view.start, view.end)
        return await self._found.get(meant, lambda: self._read(meant))

    async def _read(self, view: View) -> dict[str, list[str]]:
        chosen = view.chosen(self._queries.clock(), self._queries.privacy)
        found = {"flag": sorted(flag.value for flag in SafetyFlag)}
        for field in _FIELDS:
            values = partial(_values, chosen=chosen, field=field)
            found[field] = await self._queries.figures(view.project_id, values)
        return found


async def _values(connection: Connection, chosen: Chosen, field: str) -> list[str]:
    breakdown = await read_breakdown(connection, chosen, parse_group_by([field]), order="requests", top=_MOST)
    groups = breakdown.groups if breakdown else ()
    # A group without a filter is the sum of those that are not told apart.
    return [value for group in groups if group.filter and (value := group.values.get(field))]
