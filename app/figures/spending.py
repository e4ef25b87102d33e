"""From calls to what they add to budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from app.schemas.budgets import Budget
from app.schemas.traces import Trace
from monitoring.bounds import MOST_USD, is_bounded

__all__ = ["Place", "Spending", "spending_difference"]


class Place(NamedTuple):
    """One period of one budget, by the aware start of the period."""

    budget_id: UUID
    period_start: datetime


class Spending(NamedTuple):
    """US dollars, and the number of calls that cost them. Both are negative for removed calls."""

    cost_usd: Decimal = Decimal(0)
    calls: int = 0


def spending_difference(
    budgets: Sequence[Budget], before: Sequence[Trace], after: Sequence[Trace]
) -> Mapping[Place, Spending]:
    """Return what changes in every budget when traces are added, replaced or removed.

    They are added where `before` is empty, and removed where `after` is. Places without a change
    are left out.
    """
    sums: dict[Place, Spending] = {}
    for budget in budgets:
        for sign, traces in ((-1, before), (1, after)):
            for start, cost in _costs(budget, traces):
                place = Place(budget.budget_id, start)
                sofar = sums.get(place, Spending())
                sums[place] = Spending(sofar.cost_usd + sign * cost, sofar.calls + sign)
    return {place: found for place, found in sums.items() if found != Spending()}


def _costs(budget: Budget, traces: Sequence[Trace]) -> Iterator[tuple[datetime, Decimal]]:
    span = None
    for trace in traces:
        cost = trace.cost_usd
        if cost is None or not is_bounded(cost, MOST_USD) or not budget.covers(trace):
            continue
        if span is None or not span.start <= trace.occurred_at < span.end:
            span = budget.span(trace.occurred_at)
        yield span.start, cost
