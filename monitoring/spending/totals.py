"""The cost of the calls of a window: totals, the most expensive operations, and a projection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from monitoring.models import Money
from monitoring.spending.savings import CostGroup, suggest
from monitoring.statistics.trends import Window, project_month

__all__ = ["CostAnalysis", "Money", "Operation", "analyse_cost"]

_LISTED_OPERATIONS = 5


class Operation(BaseModel):
    """One of the most expensive operations in a window: a model, or one operation with it."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    operation: str
    model_name: str
    requests: int
    total_cost_usd: Money
    avg_cost_per_request: Money
    total_tokens: int


class CostAnalysis(BaseModel):
    """The cost of the calls of a period, in USD.

    Sums and averages are over priced requests; `unpriced_requests` are the missing ones. The total
    is None if no request has a known price. The projection is None also if too little time was
    observed.
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


def analyse_cost(groups: Sequence[CostGroup], window: Window, since: datetime | None) -> CostAnalysis:
    """Summarise the groups of a window; `since` is the moment of the first call ever."""
    requests = sum(group.requests for group in groups)
    priced = sum(group.priced for group in groups)
    total = sum((group.cost_usd for group in groups), Decimal(0)) if priced or not requests else None
    return CostAnalysis(
        time_period=window.period,
        total_cost_usd=total,
        avg_cost_per_request=total / priced if total is not None and priced else None,
        most_expensive_operations=_most_expensive(groups),
        optimization_suggestions=tuple(suggestion.text for suggestion in suggest(groups)),
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
