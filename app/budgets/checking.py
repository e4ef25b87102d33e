"""Asking a budget before a call, without asking Postgres each time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec
from redis.asyncio import Redis

from app.budgets.reservations import Attempt, Reservations, from_micros
from app.errors import NotFound, Overloaded, Unavailable
from app.figures.spending import Place, Spending
from app.schemas.budgets import Budget
from app.storage.budgets.definitions import read_budget
from app.storage.budgets.spending import Asked, read_spending
from app.storage.engine import Engine, reading
from monitoring.spending.budgets import AlertLevel, level_of

__all__ = ["CheckAnswer", "Checking", "missing_budget"]

_FRESH_MS = 1_000
_KNOWN_SECONDS = 2.0
_MOST_KNOWN = 10_000
_RETRY_SECONDS = 2
_MOST_TRIES = 3


class CheckAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a call may be made. Money is in US dollars, and moments are UTC.

    `reservation` names what was reserved; the record of the call sends it as `budget_reservation`.
    Nothing is reserved where the call is not allowed, and where the estimate is 0. `spent_usd` is
    some seconds old at most, and rounded up to a millionth. `reserved_usd` includes this
    reservation.
    """

    allowed: bool
    budget_id: UUID
    reservation: str | None
    expires_at: datetime | None
    amount_usd: Decimal
    spent_usd: Decimal
    reserved_usd: Decimal
    remaining_usd: Decimal
    level: AlertLevel
    period_start: datetime
    period_end: datetime


class _Known(NamedTuple):
    """A budget as it was read, None where there was none, and when by the monotonic clock."""

    budget: Budget | None
    read_at: float


_Key = tuple[str, UUID]


class Checking:
    """Checks budgets for one process; `clock` returns aware UTC.

    Definitions are at most two seconds old. The sum in Redis is read again from Postgres once it is
    a second old, beside the checks, and before a check if it is five seconds old.
    """

    def __init__(self, engine: Engine, redis: Redis, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._reservations = Reservations(redis)
        self._clock = clock
        self._known: dict[_Key, _Known] = {}
        self._refreshing: dict[_Key, asyncio.Task[None]] = {}

    async def check(
        self, project_id: str, budget_id: UUID, estimate: Decimal, lapse: timedelta
    ) -> CheckAnswer:
        """Reserve an estimated cost if it fits into what is left of a budget.

        Raises NotFound, Unavailable while the budget is being counted and when Postgres does not
        answer for too long, Overloaded when there are too many open reservations, and redis errors.
        """
        key = project_id, budget_id
        for _ in range(_MOST_TRIES):
            budget = await self._find(key)
            place = Place(budget_id, budget.span(self._clock()).start)
            attempt = await self._reservations.reserve(project_id, place, budget.amount_usd, estimate, lapse)
            match attempt.result:
                case "stale" | "releasable":
                    await self._refresh(key)
                case "full":
                    raise Overloaded(
                        "Too many reservations of this budget are open: send their records, or let them lapse sooner.",
                        retry_after=_RETRY_SECONDS,
                    )
                case _:
                    break
        if attempt.result == "stale":
            raise Unavailable(
                "What is spent cannot be read now; try again shortly.", retry_after=_RETRY_SECONDS
            )
        if attempt.age_ms > _FRESH_MS:
            self._begin_refresh(key)
        return self._answer(budget, attempt, lapse)

    def _answer(self, budget: Budget, attempt: Attempt, lapse: timedelta) -> CheckAnswer:
        spent, reserved = from_micros(attempt.spent), from_micros(attempt.reserved)
        at = datetime.fromtimestamp(attempt.now_ms / 1000, UTC)
        span = budget.span(self._clock())
        return CheckAnswer(
            allowed=attempt.result == "reserved",
            budget_id=budget.budget_id,
            reservation=attempt.reservation,
            expires_at=at + lapse if attempt.reservation else None,
            amount_usd=budget.amount_usd,
            spent_usd=spent,
            reserved_usd=reserved,
            remaining_usd=max(budget.amount_usd - spent - reserved, Decimal(0)),
            level=level_of(spent, budget.amount_usd),
            period_start=span.start,
            period_end=span.end,
        )

    async def _find(self, key: _Key) -> Budget:
        known = self._known.get(key)
        if known is None or time.monotonic() - known.read_at > _KNOWN_SECONDS:
            await self._refresh(key)
            known = self._known.get(key)
        if known is None or known.budget is None:
            raise missing_budget(key[1])
        if not known.budget.counted:
            raise Unavailable(
                "The calls of this budget are still being added up; try again shortly.",
                retry_after=_RETRY_SECONDS,
            )
        return known.budget

    async def _refresh(self, key: _Key) -> None:
        await asyncio.shield(self._begin_refresh(key))

    def _begin_refresh(self, key: _Key) -> asyncio.Task[None]:
        """Begin to read a budget, unless this process is at it; checks share one reading."""
        task = self._refreshing.get(key)
        if task is None:
            task = self._refreshing[key] = asyncio.create_task(self._read(key))
            task.add_done_callback(lambda done: self._end_refresh(key, done))
        return task

    def _end_refresh(self, key: _Key, task: asyncio.Task[None]) -> None:
        self._refreshing.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waits gets it; a reading beside the checks is tried again

    async def _read(self, key: _Key) -> None:
        project_id, budget_id = key
        read_at_ms = await self._reservations.now_ms()
        async with reading(self._engine) as connection:
            budget = await read_budget(connection, project_id, budget_id)
            if budget is None or not budget.counted:
                self._keep(key, budget)
                return
            start = budget.span(self._clock()).start
            asked = Asked(project_id, budget_id, start)
            spent = (await read_spending(connection, [asked])).get(asked, Spending())
        await self._reservations.apply(project_id, Place(budget_id, start), spent.cost_usd, read_at_ms)
        self._keep(key, budget)

    def _keep(self, key: _Key, budget: Budget | None) -> None:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = _Known(budget, time.monotonic())


def missing_budget(budget_id: UUID) -> NotFound:
    """Return the error for a budget that the project does not have."""
    return NotFound(f"There is no budget {budget_id}.")
