"""What the page of costs reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from app.budgets.standing import BudgetOut
from app.figures.measures import Counts
from app.reports.answers import CostAnswer, answer_cost
from app.reports.cost import Month, read_month
from app.reports.totals import read_counts
from app.storage.engine import Connection
from app.storage.traces.reading import read_begin
from dashboard.data.queries import Queries
from dashboard.data.view import View
from monitoring.statistics.trends import Window

__all__ = ["FIELDS", "METADATA", "CostFound", "read_costs"]

FIELDS: Final = ("model", "user", "tag", "template", "provider", "session")
"""The fields that the page offers to group by, the usual one first, beside keys of metadata."""
METADATA: Final = "metadata."
_LONGEST_FIELD: Final = 300


class CostFound(NamedTuple):
    """Everything that the page shows, read at `at`.

    `month` is about all calls of the project, also where the others are filtered. `before` are the
    same calls in the period before, and `since` is the moment of the first call.
    """

    at: datetime
    window: Window
    by: str
    answer: CostAnswer
    before: Counts
    since: datetime | None
    month: Month
    budgets: list[BudgetOut]


async def read_costs(queries: Queries, view: View, fields: Mapping[str, str]) -> CostFound:
    """Read the page; `fields` may name `by`. Raises InvalidParameter for an unknown field."""
    now = queries.clock()
    by = fields.get("by", FIELDS[0])[:_LONGEST_FIELD]
    asked = queries.asked(view, by)
    chosen = asked.chosen

    async def ask(connection: Connection) -> CostFound:
        answer = await answer_cost(connection, asked, looks=queries.looks)
        before = await read_counts(connection, chosen._replace(window=view.window_before(now)))
        since = await read_begin(connection, view.project_id, view.source)
        month = Month(answer.projection, answer.projected_monthly_cost)
        if view.filter or view.start:
            month = await read_month(connection, view.project_id, now, view.source, asked.zone, since)
        budgets = await queries.budgets(connection, view.project_id)
        return CostFound(now, chosen.window, by, answer, before, since, month, budgets)

    return await queries.figures(view.project_id, ask)
