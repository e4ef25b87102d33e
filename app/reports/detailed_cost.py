"""The cost of a window with what only the calls themselves tell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

from app.filters.grouping import Dimension
from app.reports.cost import CostReport, read_cost
from app.reports.filtered import read_filtered_cost
from app.reports.looks import Looks
from app.reports.spending import CostPerGoodAnswer, CostSplit, per_good_answer, split_cost
from app.reports.suggestions import LookedAt, Suggestion, Suggestions, suggest_savings
from app.storage.access.price_tables import read_price_table
from app.storage.engine import Connection
from app.storage.traces.sampling import Chosen, Sample, every
from app.storage.traces.spending import read_sampled_calls
from app.storage.traces.spent import Spent, read_spent, without_values
from monitoring.spending.own_prices import OwnPrices, parse_prices
from monitoring.statistics.trends import Window

__all__ = [
    "DetailedCostReport",
    "Divided",
    "read_detailed_cost",
    "read_divided",
    "read_filtered_detailed_cost",
]


class DetailedCostReport(CostReport):
    """The answer of GET /metrics/cost.

    The split, the cost per good answer and the suggestions come from the newest calls of the
    window, and each says from how many. Where calls are filtered, nothing is suggested.
    `optimization_suggestions` are the sentences of `suggestions`, and what is said about calls
    without a price.
    """

    cost_split: CostSplit | None = None
    cost_per_good_answer: CostPerGoodAnswer | None = None
    suggestions: tuple[Suggestion, ...] = ()
    looked_at: LookedAt | None = None


class Divided(NamedTuple):
    """How the newest priced calls divide, also by fields, and the prices that this is by."""

    spent: list[Spent]
    own: OwnPrices | None

    def in_all(self) -> Divided:
        """Return how all these calls divide together; the fields may not overlap."""
        return self._replace(spent=without_values(self.spent))


class _Look(NamedTuple):
    """What the newest calls of a window tell."""

    divided: Divided
    found: Suggestions


async def read_detailed_cost(
    connection: Connection,
    project_id: str,
    window: Window,
    source: str = "live",
    zone: tzinfo = UTC,
    *,
    looks: Looks,
    divided: Divided | None = None,
) -> DetailedCostReport:
    """Read the cost report of one window, and what its newest calls tell.

    `divided` is how their cost divides, where that was read already.
    """
    cost = await read_cost(connection, project_id, window, source, zone)
    chosen = Chosen(project_id, window, source)
    key = ("cost", project_id, source, window.start, window.end)
    look = await looks.take(key, lambda: _look(connection, chosen, cost, divided))
    texts = tuple(one.text for one in look.found.suggestions)
    values = dict(cost) | {"optimization_suggestions": texts + cost.optimization_suggestions}
    return DetailedCostReport(
        **values,
        **_division(cost, look.divided),
        suggestions=look.found.suggestions,
        looked_at=look.found.looked_at,
    )


async def read_filtered_detailed_cost(
    connection: Connection, sample: Sample, zone: tzinfo, divided: Divided | None = None
) -> DetailedCostReport:
    """Read the cost report of filtered calls, and how the cost of the newest of them divides.

    `divided` says the latter where it was read already.
    """
    cost = await read_filtered_cost(connection, sample, zone)
    divided = divided or await read_divided(connection, sample)
    return DetailedCostReport(**dict(cost), **_division(cost, divided))


async def read_divided(
    connection: Connection, sample: Sample, dimensions: Sequence[Dimension] = ()
) -> Divided:
    """Read how the cost of the newest calls divides, by fields if there are any."""
    spent = await read_spent(connection, sample, dimensions)
    content = await read_price_table(connection, sample.chosen.project_id)
    return Divided(spent, parse_prices(content) if content else None)


def _division(cost: CostReport, divided: Divided) -> dict[str, Any]:
    priced = cost.total_requests - cost.unpriced_requests
    return {
        "cost_split": split_cost(divided.spent, priced, divided.own),
        "cost_per_good_answer": per_good_answer(divided.spent),
    }


async def _look(connection: Connection, chosen: Chosen, cost: CostReport, divided: Divided | None) -> _Look:
    divided = divided or await read_divided(connection, every(chosen))
    of = (chosen.project_id, chosen.window, chosen.source)
    calls = await read_sampled_calls(connection, *of)
    found = await asyncio.to_thread(suggest_savings, calls, cost.total_requests, chosen.source, divided.own)
    return _Look(divided, found)
