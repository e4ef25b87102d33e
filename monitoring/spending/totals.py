"""What the calls of a window cost: totals, the most expensive operations, and the month ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from monitoring.models import Money
from monitoring.spending.pricing import Overrides, Rates, rates_of
from monitoring.spending.savings import CostGroup, suggest
from monitoring.statistics.trends import Window, project_month

__all__ = ["CostAnalysis", "Money", "Operation", "analyse_cost"]

_LISTED_OPERATIONS = 5


class Operation(BaseModel):
    """One of the most expensive things a window holds: a model, or one operation of it."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    operation: str
    model_name: str
    requests: int
    total_cost_usd: Money
    avg_cost_per_request: Money
    total_tokens: int


class CostAnalysis(BaseModel):
    """What the calls of a period cost, in USD.

    Sums and averages are over priced requests; `unpriced_requests` says how many are missing. The total is
    None when no request has a known price, and the projection also where too little time was watched.
    """

    model_config = ConfigDict(frozen=True)

    time_period: str
    total_cost_usd: Money | None
    avg_cost_per_request: Money | None
    most_expensive_operations: tuple[Operation, ...]
    optimization_suggestions: tuple[str, ...]
    projected_monthly_cost: Money | None
    total_requests: int
    unpriced_requests: int
    total_tokens: int
    message: str | None = None


def analyse_cost(
    groups: Sequence[CostGroup], window: Window, since: datetime | None, overrides: Overrides | None = None
) -> CostAnalysis:
    """Summarise the groups of a window; `since` is when the first call ever was made."""
    requests = sum(group.requests for group in groups)
    priced = sum(group.priced for group in groups)
    total = sum((group.cost_usd for group in groups), Decimal(0)) if priced or not requests else None
    rates: dict[str, Rates] = {}
    for name in {group.model_name for group in groups}:
        known = rates_of(None, name, window.now, overrides)
        if known is not None:
            rates[name] = known
    return CostAnalysis(
        time_period=window.period,
        total_cost_usd=total,
        avg_cost_per_request=total / priced if total is not None and priced else None,
        most_expensive_operations=_most_expensive(groups),
        optimization_suggestions=tuple(suggestion.text for suggestion in suggest(groups, rates)),
        projected_monthly_cost=project_month(total, window, since),
        total_requests=requests,
        unpriced_requests=requests - priced,
        total_tokens=sum(group.prompt_tokens + group.completion_tokens for group in groups),
        message=None if requests else f"No calls in the last {window.period}.",
    )


def _most_expensive(groups: Sequence[CostGroup]) -> tuple[Operation, ...]:
    ranked = sorted(
        (group for group in groups if group.priced),
        key=lambda group: (-group.cost_usd, group.model_name, group.operation or ""),
    )
    return tuple(
        Operation(
            operation=group.operation or group.model_name,
            model_name=group.model_name,
            requests=group.requests,
            total_cost_usd=group.cost_usd,
            avg_cost_per_request=group.cost_usd / group.priced,
            total_tokens=group.prompt_tokens + group.completion_tokens,
        )
        for group in ranked[:_LISTED_OPERATIONS]
    )
