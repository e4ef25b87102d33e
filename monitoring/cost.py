"""The cost of calls over time, by model and by user, and budgets for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypedDict, TypeVar

from monitoring.bounds import BEYOND, MOST_USD, read_cost
from monitoring.clock import now_utc
from monitoring.models import CostMetrics
from monitoring.spending.budgets import AlertLevel, level_of
from monitoring.spending.pricing import MODEL_COSTS, Overrides, Usage, price
from monitoring.spending.savings import CostGroup
from monitoring.spending.totals import CostAnalysis, analyse_cost
from monitoring.spending.usage import usage_from
from monitoring.statistics.trends import floor_time, window_of

__all__ = [
    "MODEL_COSTS",
    "BudgetAlert",
    "BudgetManager",
    "CostAnalysis",
    "CostTracker",
    "UserBudgetAlert",
]

K = TypeVar("K")
_KEPT = timedelta(days=400)
_MINUTE = 60


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


class _Sums:
    """Running sums of one minute, model, user and operation."""

    __slots__ = ("completion", "cost", "priced", "prompt", "requests")

    def __init__(self) -> None:
        self.requests = self.priced = self.prompt = self.completion = 0
        self.cost = Decimal(0)

    def add(self, usage: Usage, cost: Decimal | None) -> None:
        self.requests += 1
        self.prompt += usage.prompt
        self.completion += usage.completion
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
    """Keeps the costs of calls in memory, by the minute, for one process; it is thread-safe.

    `overrides` are prices by model name, and `clock` returns aware UTC. Minutes that are older than
    400 days are forgotten.
    """

    def __init__(self, overrides: Overrides | None = None, clock: Callable[[], datetime] = now_utc) -> None:
        self._overrides = overrides
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: dict[int, dict[_Key, _Sums]] = {}
        self._since: datetime | None = None

    def log_inference(  # noqa: PLR0913 one keyword for each thing that decides a price
        self,
        model_name: str,
        prompt_tokens: int,
        completion_tokens: int,
        user_id: str | None = None,
        *,
        operation: str | None = None,
        provider: str | None = None,
        service_tier: str | None = None,
        reported_cost_usd: float | Decimal | None = None,
        timestamp: datetime | None = None,
        **parts: int,
    ) -> CostMetrics:
        """Price one call, add it, and return its cost, which is the reported one if there is one.

        `parts` are counts under the names of `monitoring.spending.usage.BILLED`, such as
        `cache_read_tokens`. Raises TypeError for another name, and ValueError for negative counts
        and for a reported cost that is no amount of money.
        """
        at = (timestamp or self._clock()).astimezone(UTC)
        usage = usage_from(prompt_tokens, completion_tokens, parts)
        told = _amount(reported_cost_usd)
        ours = price(usage, provider, model_name, at, self._overrides, tier=service_tier).cost_usd
        return self._add(_Key(model_name, user_id, operation), at, usage, ours if told is None else told)

    def _add(self, key: _Key, at: datetime, usage: Usage, cost: Decimal | None) -> CostMetrics:
        minute = int(at.timestamp()) // _MINUTE
        with self._lock:
            self._since = at if self._since is None else min(self._since, at)
            if minute not in self._minutes:
                self._forget(minute - _KEPT // timedelta(minutes=1))
            sums = self._minutes.setdefault(minute, {})
            sums.setdefault(key, _Sums()).add(usage, cost)
        return CostMetrics(
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            total_tokens=usage.prompt + usage.completion,
            cost_usd=cost,
            model_name=key.model,
            timestamp=at,
        )

    def get_cost_analysis(self, time_period: str = "24h") -> CostAnalysis:
        """Return the cost of a period such as 15m, 24h or 30d; raises ValueError for others."""
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
            )
            for (model, operation), one in sums.items()
        ]
        return analyse_cost(groups, window, self._since)

    def get_cost_by_model(self, time_period: str = "24h") -> dict[str, Decimal | None]:
        """Return USD by model name: None if no call of the model has a known price.

        Raises ValueError for an unknown period.
        """
        window = window_of(time_period, self._clock())
        return _costs(self._collect(window.start, window.end, lambda key: key.model).items())

    def get_cost_by_user(self, time_period: str = "24h") -> dict[str, Decimal | None]:
        """Return USD by user id: None if no call of the user has a known price.

        Calls without a user are left out. Raises ValueError for an unknown period.
        """
        window = window_of(time_period, self._clock())
        sums = self._collect(window.start, window.end, lambda key: key.user)
        return _costs((user, one) for user, one in sums.items() if user is not None)

    def check_budget_alert(self, daily_budget: float | Decimal, user_id: str | None = None) -> BudgetAlert:
        """Compare the cost of today (UTC) so far, of all users or of one, with a budget in USD.

        The levels are info from 60 %, warning from 80 % and critical from 100 %. Raises ValueError
        unless the budget is a positive number.
        """
        budget = _positive(daily_budget)
        today = floor_time(self._clock().astimezone(UTC), "day")
        sums = self._collect(today, today + timedelta(days=1), lambda key: key.user)
        spent = sum((one.cost for user, one in sums.items() if user_id in {None, user}), Decimal(0))
        return {
            "alert_level": level_of(spent, budget),
            "budget_used_pct": float(spent / budget * 100),
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
        """Set or replace the daily budget of a user; raises ValueError unless it is positive."""
        with self._lock:
            self._budgets[user_id] = _positive(daily_budget)

    def check_all_budgets(self, cost_tracker: CostTracker) -> list[UserBudgetAlert]:
        """Return alerts for users who used at least 60 % of their budget, the highest first."""
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


def _amount(told: float | Decimal | None) -> Decimal | None:
    """Return a reported cost, None where none is; raises ValueError for others."""
    if told is None:
        return None
    amount = read_cost(told)
    if amount is None or amount == BEYOND:
        raise ValueError(f"reported_cost_usd is an amount from 0 to {MOST_USD} US dollars")
    return amount


def _positive(budget: float | Decimal) -> Decimal:
    amount = Decimal(str(budget))
    if not amount.is_finite() or amount <= 0:
        raise ValueError("a daily budget is a positive number of US dollars")
    return amount
