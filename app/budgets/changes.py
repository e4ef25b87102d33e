"""Making, changing and removing budgets, each with its line in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec

from app.access.administration import Line, record
from app.access.identity import no_project
from app.budgets.checking import missing_budget
from app.errors import Conflict, InvalidRecord
from app.schemas.budgets import (
    LONGEST_KEY,
    LONGEST_VALUE,
    LONGEST_ZONE,
    MOST_AMOUNT,
    MOST_BUDGETS,
    Budget,
    Subject,
)
from app.schemas.keys import LONGEST_NAME, NAME_PATTERN
from app.storage.access.projects import lock_settings
from app.storage.budgets.definitions import (
    add_budget,
    budgets_to_count,
    count_budgets,
    delete_budget,
    read_budget,
    save_budget,
)
from app.storage.budgets.recounting import recount
from app.storage.engine import DATABASE_ERRORS, Engine, is_outage, is_overdue, reading, writing
from monitoring.bounds import COST_PLACES
from monitoring.spending.budgets import Cycle, span_of

__all__ = ["BudgetRequest", "change_budget", "count_budget", "count_waiting", "make_budget", "remove_budget"]

Forms = Callable[[str], Sequence[str]]
"""Returns all forms under which the id of a user may be stored."""

_PATIENCE_SECONDS: Final = 2.0


class BudgetRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a new budget should be; see `app.schemas.budgets.Budget`."""

    name: str
    amount_usd: Decimal
    period: Cycle = "month"
    time_zone: str = "UTC"
    by: Subject = "project"
    key: str | None = None
    value: str | None = None


async def make_budget(engine: Engine, line: Line, request: BudgetRequest, forms: Forms) -> Budget:
    """Make a budget, and add up the calls of its present period.

    If that takes long, the budget is returned uncounted, and workers go on. Raises InvalidRecord,
    NotFound when the project does not exist, and Conflict when it has too many budgets.
    """
    _check_name(request.name)
    _check_subject(request)
    budget = Budget(
        project_id=line.project_id,
        budget_id=uuid4(),
        name=request.name,
        amount_usd=_amount(request.amount_usd),
        period=request.period,
        time_zone=request.time_zone,
        by=request.by,
        key=request.key,
        names=_names(request, forms),
        created_at=line.now,
        counted_from=span_of(line.now, request.period, _zone(request.time_zone)).start,
        counted=False,
    )
    async with writing(engine) as connection:
        if await lock_settings(connection, line.project_id) is None:
            raise no_project(line.project_id)
        if await count_budgets(connection, line.project_id) >= MOST_BUDGETS:
            raise Conflict(f"A project has at most {MOST_BUDGETS} budgets: remove one first.")
        await add_budget(connection, budget)
        await record(connection, line, "budget.created", str(budget.budget_id), **_detail(budget))
    return await _counted(engine, budget, line.now)


async def change_budget(engine: Engine, line: Line, budget_id: UUID, changes: dict[str, Any]) -> Budget:
    """Change the name, amount, period or time zone of a budget.

    With another period or time zone it begins anew with the present period. Raises InvalidRecord
    and NotFound.
    """
    if "name" in changes:
        _check_name(changes["name"])
    if "amount_usd" in changes:
        changes["amount_usd"] = _amount(changes["amount_usd"])
    if "time_zone" in changes:
        _zone(changes["time_zone"])
    async with writing(engine) as connection:
        await lock_settings(connection, line.project_id)
        before = await read_budget(connection, line.project_id, budget_id)
        if before is None:
            raise missing_budget(budget_id)
        budget = msgspec.structs.replace(before, **changes)
        if (budget.period, budget.time_zone) != (before.period, before.time_zone):
            start = budget.span(line.now).start
            budget = msgspec.structs.replace(budget, counted_from=start, counted=False)
        await save_budget(connection, budget)
        await record(connection, line, "budget.changed", str(budget_id), **_detail(budget))
    return budget if budget.counted else await _counted(engine, budget, line.now)


async def remove_budget(engine: Engine, line: Line, budget_id: UUID) -> None:
    """Remove a budget with everything that is known of it; raises NotFound."""
    async with writing(engine) as connection:
        if not await delete_budget(connection, line.project_id, budget_id):
            raise missing_budget(budget_id)
        await record(connection, line, "budget.removed", str(budget_id))


async def count_waiting(engine: Engine, now: datetime, patience: float) -> int:
    """Add up the budgets of all projects that wait for it; returns how many were counted."""
    async with reading(engine) as connection:
        waiting = await budgets_to_count(connection)
    return sum([await count_budget(engine, budget, now, patience) for budget in waiting])


async def count_budget(engine: Engine, budget: Budget, now: datetime, patience: float) -> bool:
    """Add up one budget; returns whether it is counted now. Raises errors of Postgres."""
    return await recount(engine, budget.project_id, budget.budget_id, now, patience=patience)


async def _counted(engine: Engine, budget: Budget, now: datetime) -> Budget:
    try:
        counted = await count_budget(engine, budget, now, _PATIENCE_SECONDS)
    except DATABASE_ERRORS as error:
        if not (is_overdue(error) or is_outage(error)):
            raise
        counted = False  # the budget is stored, and workers go on
    return msgspec.structs.replace(budget, counted=counted)


def _detail(budget: Budget) -> dict[str, object]:
    return {
        "name": budget.name,
        "amount_usd": f"{budget.amount_usd.normalize():f}",
        "period": budget.period,
        "time_zone": budget.time_zone,
        "by": budget.by,
    }


def _amount(amount: Decimal) -> Decimal:
    if not (amount.is_finite() and 0 < amount <= MOST_AMOUNT and amount == amount.quantize(COST_PLACES)):
        raise _refused(
            "amount_usd",
            f"must be more than 0, at most {MOST_AMOUNT:,}, with at most 10 digits after the point",
        )
    return amount


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name if len(name) <= LONGEST_ZONE else "")
    except (ValueError, OSError, KeyError) as error:
        raise _refused("time_zone", "must be a time zone such as UTC or Europe/Berlin") from error


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME or not re.match(NAME_PATTERN, name):
        raise _refused("name", f"must have 1 to {LONGEST_NAME} characters, none of which controls a terminal")


def _check_subject(request: BudgetRequest) -> None:
    for field, most in (("key", LONGEST_KEY), ("value", LONGEST_VALUE)):
        if len(getattr(request, field) or "") > most:
            raise _refused(field, f"must have at most {most} characters")
    if (request.value is None) != (request.by == "project") or request.value == "":
        message = "must be left out" if request.by == "project" else f"must name the {request.by}"
        raise _refused("value", f"{message} where by is {request.by}")
    if (request.key is None) != (request.by != "metadata") or request.key == "":
        message = "must name the key" if request.by == "metadata" else "must be left out"
        raise _refused("key", f"{message} where by is {request.by}")
    for field in ("key", "value"):
        if "\0" in (getattr(request, field) or ""):
            raise _refused(field, "must not contain a NUL character, which Postgres cannot store")


def _names(request: BudgetRequest, forms: Forms) -> tuple[str, ...]:
    if request.value is None:
        return ()
    return tuple(forms(request.value)) if request.by == "user" else (request.value,)


def _refused(field: str, message: str) -> InvalidRecord:
    return InvalidRecord(
        f"The budget was refused: {field} {message}.", errors=[{"field": field, "message": message}]
    )
