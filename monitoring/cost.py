"""What calls cost over time, by model and by user, and budgets for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple, TypedDict, TypeVar

from monitoring.clock import now_utc
from monitoring.models import CostMetrics
from monitoring.spending.pricing import MODEL_COSTS, Overrides, Usage, price
from monitoring.spending.savings import CostGroup
from monitoring.spending.totals import CostAnalysis, analyse_cost
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
AlertLevel = Literal["none", "info", "warning", "critical"]

# From this share of the daily budget on; the highest that is reached counts.
_ALERT_LEVELS: tuple[tuple[Decimal, AlertLevel], ...] = (
    (Decimal(1), "critical"),
    (Decimal("0.8"), "warning"),
    (Decimal("0.6"), "info"),
)
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

    def __init__(self, overrides: Overrides | None = None, clock: Callable[[], datetime] = now_utc) -> None:
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
