"""What calls cost over time, by model and by user, and budgets for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer

from monitoring.models import CostMetrics
from monitoring.pricing import MODEL_COSTS, Overrides, Rates, Usage, price, rates_of
from monitoring.savings import CostGroup, suggest
from monitoring.trends import Window, floor_time, project_month, window_of

__all__ = [
    "MODEL_COSTS",
    "BudgetAlert",
    "BudgetManager",
    "CostAnalysis",
    "CostTracker",
    "Money",
    "Operation",
    "UserBudgetAlert",
    "analyse_cost",
]

K = TypeVar("K")
AlertLevel = Literal["none", "info", "warning", "critical"]
Money = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]

# From this share of the daily budget on; the highest that is reached counts.
_ALERT_LEVELS: tuple[tuple[Decimal, AlertLevel], ...] = (
    (Decimal(1), "critical"),
    (Decimal("0.8"), "warning"),
    (Decimal("0.6"), "info"),
)
_LISTED_OPERATIONS = 5
_KEPT = timedelta(days=400)
_MINUTE = 60


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


class BudgetAlert(TypedDict):
    """How much of a daily budget is used; money in USD, `budget_used_pct` in percent."""

    alert_level: AlertLevel
    budget_used_pct: float
    cost_today: Decimal
    daily_budget: Decimal
    remaining_budget: Decimal


class UserBudgetAlert(BudgetAlert):
    """The alert of one user's budget."""

    user_id: str


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


class _Sums:
    """Running sums of one minute, model, user and operation."""

    __slots__ = ("cache_read", "completion", "cost", "priced", "prompt", "requests")

    def __init__(self) -> None:
        self.requests = self.priced = self.prompt = self.completion = self.cache_read = 0
        self.cost = Decimal(0)

    def add(self, usage: Usage, cost: Decimal | None) -> None:
        self.requests += 1
        self.prompt += usage.prompt
        self.completion += usage.completion
        self.cache_read += usage.cache_read
        if cost is not None:
            self.priced += 1
            self.cost += cost

    def merge(self, other: _Sums) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class _Key(NamedTuple):
    model: str
    user: str | None
    operation: str | None


class CostTracker:
    """Keeps what calls cost, in memory and by the minute, for one process; safe to use from threads.

    `overrides` are prices by model name, `clock` returns aware UTC. Minutes older than 400 days are
    forgotten.
    """

    def __init__(
        self, overrides: Overrides | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._overrides = overrides
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: dict[int, dict[_Key, _Sums]] = {}
        self._since: datetime | None = None

    def log_inference(  # noqa: PLR0913 one keyword for each thing that providers bill
        self,
        model_name: str,
        prompt_tokens: int,
        completion_tokens: int,
        user_id: str | None = None,
        *,
        operation: str | None = None,
        provider: str | None = None,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
        reasoning_tokens: int = 0,
        timestamp: datetime | None = None,
    ) -> CostMetrics:
        """Price one call, add it, and return its cost; ValueError for negative token counts."""
        at = (timestamp or self._clock()).astimezone(UTC)
        usage = Usage(
            prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens
        )
        cost = price(usage, provider, model_name, at, self._overrides).cost_usd
        minute = int(at.timestamp()) // _MINUTE
        with self._lock:
            self._since = at if self._since is None else min(self._since, at)
            if minute not in self._minutes:
                self._forget(minute - _KEPT // timedelta(minutes=1))
            sums = self._minutes.setdefault(minute, {})
            sums.setdefault(_Key(model_name, user_id, operation), _Sums()).add(usage, cost)
        return CostMetrics(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            total_tokens=prompt_tokens + completion_tokens,
            cost_usd=cost,
            model_name=model_name,
            timestamp=at,
        )

    def get_cost_analysis(self, time_period: str = "24h") -> CostAnalysis:
        """Return what a period such as 15m, 24h or 30d cost; ValueError for anything else."""
        window = window_of(time_period, self._clock())
        sums = self._collect(window.start, window.end, lambda key: (key.model, key.operation))
        groups = [
            CostGroup(
                model_name=model,
                operation=operation,
                requests=one.requests,
                priced=one.priced,
                cost_usd=one.cost,
                prompt_tokens=one.prompt,
                completion_tokens=one.completion,
                cache_read_tokens=one.cache_read,
            )
            for (model, operation), one in sums.items()
        ]
        return analyse_cost(groups, window, self._since, self._overrides)

    def get_cost_by_model(self, time_period: str = "24h") -> dict[str, Decimal | None]:
        """Return USD by model name, None where no call of it has a known price; ValueError as above."""
        window = window_of(time_period, self._clock())
        return _costs(self._collect(window.start, window.end, lambda key: key.model).items())

    def get_cost_by_user(self, time_period: str = "24h") -> dict[str, Decimal | None]:
        """Return USD by user id for calls that name one, None where none of theirs has a known price."""
        window = window_of(time_period, self._clock())
        sums = self._collect(window.start, window.end, lambda key: key.user)
        return _costs((user, one) for user, one in sums.items() if user is not None)

    def check_budget_alert(self, daily_budget: float | Decimal, user_id: str | None = None) -> BudgetAlert:
        """Compare what today (UTC) cost so far, for everybody or one user, with a budget in USD.

        Levels are info from 60 %, warning from 80 % and critical from 100 %. Raises ValueError unless the
        budget is a positive number.
        """
        budget = _positive(daily_budget)
        today = floor_time(self._clock().astimezone(UTC), "day")
        sums = self._collect(today, today + timedelta(days=1), lambda key: key.user)
        spent = sum((one.cost for user, one in sums.items() if user_id in {None, user}), Decimal(0))
        share = spent / budget
        return {
            "alert_level": next((level for bound, level in _ALERT_LEVELS if share >= bound), "none"),
            "budget_used_pct": float(share * 100),
            "cost_today": spent,
            "daily_budget": budget,
            "remaining_budget": max(budget - spent, Decimal(0)),
        }

    def _collect(self, start: datetime, end: datetime, group: Callable[[_Key], K]) -> dict[K, _Sums]:
        first, last = int(start.timestamp()) // _MINUTE, int(end.timestamp()) // _MINUTE
        collected: dict[K, _Sums] = {}
        with self._lock:
            for minute, entries in self._minutes.items():
                if first <= minute < last:
                    for key, sums in entries.items():
                        collected.setdefault(group(key), _Sums()).merge(sums)
        return collected

    def _forget(self, before: int) -> None:
        for minute in [minute for minute in self._minutes if minute < before]:
            del self._minutes[minute]


class BudgetManager:
    """Daily budgets of users, in USD; safe to use from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._budgets: dict[str, Decimal] = {}

    def set_user_budget(self, user_id: str, daily_budget: float | Decimal) -> None:
        """Set or replace a user's daily budget; ValueError unless it is a positive number."""
        with self._lock:
            self._budgets[user_id] = _positive(daily_budget)

    def check_all_budgets(self, cost_tracker: CostTracker) -> list[UserBudgetAlert]:
        """Return the alerts of all users who have used 60 % of their budget or more, the fullest first."""
        with self._lock:
            budgets = dict(self._budgets)
        alerts: list[UserBudgetAlert] = [
            {"user_id": user, **cost_tracker.check_budget_alert(budget, user)}
            for user, budget in budgets.items()
        ]
        raised = [alert for alert in alerts if alert["alert_level"] != "none"]
        return sorted(raised, key=lambda alert: (-alert["budget_used_pct"], alert["user_id"]))


def _costs(sums: Iterable[tuple[str, _Sums]]) -> dict[str, Decimal | None]:
    return {name: one.cost if one.priced else None for name, one in sums}


def _positive(budget: float | Decimal) -> Decimal:
    amount = Decimal(str(budget))
    if not amount.is_finite() or amount <= 0:
        raise ValueError("a daily budget is a positive number of US dollars")
    return amount
