"""The periodic work on budgets: adding them up, and telling the levels that they reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from redis.asyncio import Redis

from app.budgets.changes import count_waiting
from app.events import publish_alert
from app.figures.spending import Spending
from app.schemas.budgets import Budget, Level
from app.storage.budgets.crossings import Crossing, note_crossings, note_told, untold_crossings
from app.storage.budgets.definitions import read_all_budgets
from app.storage.budgets.spending import Asked, fold_spending, forget_periods, read_spending
from app.storage.engine import Connection, Engine
from app.storage.locks import BUDGETS, try_lock
from app.supervision import Tasks
from monitoring.spending.budgets import level_of, project_spending

__all__ = ["BudgetUpkeep", "levels_reached"]

_SECONDS = 5.0
_PATIENCE_SECONDS = 60.0
_ORDER: tuple[Level, ...] = ("info", "warning", "critical")


class BudgetUpkeep:
    """Does the work on the budgets of one database; of many workers one at a time does so."""

    def __init__(
        self, engine: Engine, redis: Redis, clock: Callable[[], datetime], *, retention_days: int
    ) -> None:
        self._engine = engine
        self._redis = redis
        self._clock = clock
        self._retention = timedelta(days=retention_days)

    async def run(self, tasks: Tasks) -> None:
        """Repeat until cancelled; an error only skips the step that raised it."""

        async def take() -> None:
            for name, step in (("count_budgets", self.count), ("tell_budgets", self.tell)):
                await tasks.attempt(name, step)

        await tasks.repeat("budgets", take, _SECONDS)

    async def count(self) -> None:
        """Add up the budgets that wait for it."""
        await count_waiting(self._engine, self._clock(), _PATIENCE_SECONDS)

    async def tell(self) -> None:
        """Note the levels that were reached, and tell those that were not told.

        A process that dies between telling and noting it lets another one tell it again, with the
        same `alert_id`.
        """
        now = self._clock()
        async with self._engine.begin() as connection:
            if not await try_lock(connection, BUDGETS):
                return
            await fold_spending(connection)
            await forget_periods(connection, now - self._retention)
            await _note(connection, now)
        async with self._engine.begin() as connection:
            if not await try_lock(connection, BUDGETS):
                return
            untold = await untold_crossings(connection)
            for crossing in untold:
                await publish_alert(self._redis, crossing.project_id, _frame(crossing))
            await note_told(connection, untold, now)


async def _note(connection: Connection, now: datetime) -> None:
    budgets = await read_all_budgets(connection)
    asked = {Asked(one.project_id, one.budget_id, one.span(now).start): one for one in budgets}
    spent = await read_spending(connection, list(asked))
    await note_crossings(
        connection,
        [
            Crossing(
                project_id=one.project_id,
                budget_id=one.budget_id,
                period_start=one.period_start,
                level=level,
                spent_usd=spent[one].cost_usd,
                amount_usd=budget.amount_usd,
                crossed_at=now,
            )
            for one, budget in asked.items()
            if one in spent
            for level in levels_reached(budget, spent[one], now)
        ],
    )


def levels_reached(budget: Budget, spent: Spending, now: datetime) -> Iterator[Level]:
    """Yield every level that a budget has reached in its present period.

    `projected` is reached if the amount will be overrun at the present rate, and is not spent yet.
    """
    level = level_of(spent.cost_usd, budget.amount_usd)
    if level != "none":
        yield from _ORDER[: _ORDER.index(level) + 1]
    expected = project_spending(spent.cost_usd, budget.span(now), now)
    if level != "critical" and expected is not None and expected > budget.amount_usd:
        yield "projected"


def _frame(crossing: Crossing) -> dict[str, Any]:
    period = int(crossing.period_start.timestamp())
    return {
        "alert_id": f"budget:{crossing.budget_id}:{period}:{crossing.level}",
        "kind": "budget",
        "level": "warning" if crossing.level == "projected" else crossing.level,
        "crossed": crossing.level,
        "budget_id": str(crossing.budget_id),
        "period_start": crossing.period_start,
        "spent_usd": crossing.spent_usd,
        "amount_usd": crossing.amount_usd,
        "at": crossing.crossed_at,
    }
