"""How a budget stands in its present period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.budgets.reservations import Held, Reservations, from_micros
from app.figures.spending import Place, Spending
from app.schemas.budgets import Budget, Subject
from app.storage.budgets.definitions import read_budgets
from app.storage.budgets.spending import Asked, read_spending
from app.storage.engine import Connection
from monitoring.spending.budgets import (
    PROJECTION_METHOD,
    AlertLevel,
    Cycle,
    Span,
    level_of,
    project_spending,
)

__all__ = ["BudgetOut", "describe_budget", "read_used_share", "show_budgets"]

_PLACES = Decimal("1e-10")


class BudgetOut(msgspec.Struct, frozen=True, kw_only=True):
    """A budget and how it stands. Money is in US dollars, and moments are UTC.

    `spent_usd` is the exact sum of the stored calls of the period, and null while they are being
    added up. `reserved_usd` is what open reservations hold. `remaining_usd` is at least 0.
    `projected_usd` is what will be spent by the end of the period; it is null early in the period.
    `projection_method` `linear` divides what is spent by the share of the period that has passed.
    `runs_out_at` is when the amount is spent at that rate, null if not in this period.
    """

    budget_id: UUID
    name: str
    amount_usd: Decimal
    period: Cycle
    time_zone: str
    by: Subject
    key: str | None
    value: str | None
    created_at: datetime
    counted: bool
    period_start: datetime
    period_end: datetime
    calls: int | None
    spent_usd: Decimal | None
    reserved_usd: Decimal | None
    remaining_usd: Decimal | None
    used_pct: float | None
    level: AlertLevel | None
    projected_usd: Decimal | None
    projected_overrun_usd: Decimal | None
    projection_method: str
    runs_out_at: datetime | None


async def show_budgets(
    connection: Connection, redis: Redis, budgets: Sequence[Budget], now: datetime
) -> list[BudgetOut]:
    """Return budgets with what is spent and reserved at `now`.

    What is reserved is unknown while Redis does not answer.
    """
    reservations = Reservations(redis)
    held: dict[UUID, Held] = {}
    try:
        read_at_ms = await reservations.now_ms()
        spent = await _read_spent(connection, budgets, now)
        held = await _read_held(reservations, budgets, spent, now=now, read_at_ms=read_at_ms)
    except (RedisError, OSError):
        spent = await _read_spent(connection, budgets, now)
    return [describe_budget(one, spent[one.budget_id], held.get(one.budget_id), now) for one in budgets]


async def read_used_share(connection: Connection, project_id: str, now: datetime) -> float | None:
    """Return the largest used share of the project's budgets: 1 is used up, more is overspent.

    None where no budget is counted.
    """
    budgets = [budget for budget in await read_budgets(connection, project_id) if budget.counted]
    spent = await _read_spent(connection, budgets, now)
    return max(
        (float(spent[budget.budget_id].cost_usd / budget.amount_usd) for budget in budgets), default=None
    )


async def _read_spent(
    connection: Connection, budgets: Sequence[Budget], now: datetime
) -> dict[UUID, Spending]:
    asked = {
        budget.budget_id: Asked(budget.project_id, budget.budget_id, budget.span(now).start)
        for budget in budgets
    }
    found = await read_spending(connection, list(asked.values()))
    return {budget_id: found.get(one, Spending()) for budget_id, one in asked.items()}


async def _read_held(
    reservations: Reservations,
    budgets: Sequence[Budget],
    spent: dict[UUID, Spending],
    *,
    now: datetime,
    read_at_ms: int,
) -> dict[UUID, Held]:
    """Tell Redis what was spent after `read_at_ms`, and return what it holds, by budget."""
    return {
        budget.budget_id: await reservations.apply(
            budget.project_id,
            Place(budget.budget_id, budget.span(now).start),
            spent[budget.budget_id].cost_usd,
            read_at_ms,
        )
        for budget in budgets
        if budget.counted
    }


def describe_budget(budget: Budget, spent: Spending, held: Held | None, now: datetime) -> BudgetOut:
    """Return a budget as it is shown; `held` is None where Redis does not know it."""
    span = budget.span(now)
    known = spent if budget.counted else None
    reserved = None if held is None else from_micros(held.reserved)
    projection = _project(budget.amount_usd, known and known.cost_usd, span, now)
    return BudgetOut(
        budget_id=budget.budget_id,
        name=budget.name,
        amount_usd=budget.amount_usd.normalize(),
        period=budget.period,
        time_zone=budget.time_zone,
        by=budget.by,
        key=budget.key,
        value=budget.names[0] if budget.names else None,
        created_at=budget.created_at,
        counted=budget.counted,
        period_start=span.start,
        period_end=span.end,
        calls=known and known.calls,
        spent_usd=known and known.cost_usd,
        reserved_usd=reserved,
        remaining_usd=known and max(budget.amount_usd - known.cost_usd - (reserved or 0), Decimal(0)),
        used_pct=known and float(known.cost_usd / budget.amount_usd * 100),
        level=known and level_of(known.cost_usd, budget.amount_usd),
        projected_usd=projection.projected,
        projected_overrun_usd=projection.overrun,
        projection_method=PROJECTION_METHOD,
        runs_out_at=projection.runs_out_at,
    )


class _Projection(NamedTuple):
    """What will be spent by the end of a period, by how much too much, and when nothing is left."""

    projected: Decimal | None = None
    overrun: Decimal | None = None
    runs_out_at: datetime | None = None


def _project(amount: Decimal, spent: Decimal | None, span: Span, now: datetime) -> _Projection:
    expected = None if spent is None else project_spending(spent, span, now)
    if spent is None or expected is None:
        return _Projection()
    overrun = max(expected - amount, Decimal(0))
    runs_out = None
    if overrun and spent < amount:
        runs_out = span.start + (span.end - span.start) * float(amount / expected)
        runs_out -= timedelta(microseconds=runs_out.microsecond)
    return _Projection(expected.quantize(_PLACES), overrun.quantize(_PLACES), runs_out)
