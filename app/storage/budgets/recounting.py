"""Adding up a budget from the stored traces, while workers go on storing others.

A budget is committed first. Every transaction that reads the budgets of its project from then on
writes its own entries. Transactions that were running may have read the budgets before. So the
recount waits until these have ended, and then works in a snapshot. The snapshot holds all traces
that nobody counted, and exactly the entries of the traces in it. These entries are replaced by the
sum. Entries that are written later are not in the snapshot and stay.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.figures.spending import Place, Spending
from app.schemas.budgets import COUNTED_SOURCE, MOST_DIGITS, Budget, Subject
from app.schemas.kinds import COUNTED_KINDS
from app.storage.budgets.definitions import read_budget
from app.storage.budgets.spending import add_spending
from monitoring.bounds import MOST_USD
from monitoring.spending.budgets import Span

__all__ = ["recount"]

_NOW = text("SELECT pg_current_xact_id()::text")
_ENDED = text("SELECT pg_snapshot_xmin(pg_current_snapshot()) > CAST(CAST(:number AS text) AS xid8)")
_LOCK = text("SELECT 1 FROM budgets WHERE project_id = :project_id AND budget_id = :budget_id FOR UPDATE")
_CLEAR = text(
    "DELETE FROM budget_spending WHERE project_id = :project_id AND budget_id = :budget_id "
    "AND (period_start >= :since OR period_start < :counted_from)"
)
_COUNTED = text("UPDATE budgets SET counted = true WHERE project_id = :project_id AND budget_id = :budget_id")
_ABOUT: dict[Subject, str] = {
    "project": "true",
    "model": "model_name = ANY(:names)",
    "provider": "provider = ANY(:names)",
    "user": "user_id = ANY(:names)",
    "tag": "tags && CAST(:names AS text[])",
    "metadata": "CASE jsonb_typeof(metadata) WHEN 'object' THEN metadata ->> :key = ANY(:names)"
    " AND (jsonb_typeof(metadata -> :key) = 'string' OR (jsonb_typeof(metadata -> :key) = 'number'"
    f" AND metadata ->> :key ~ '^-?[0-9]{{1,{MOST_DIGITS}}}$')) END",
}
_SUM: dict[Subject, TextClause] = {
    subject: text(
        "SELECT coalesce(sum(cost_usd), 0) AS cost_usd, count(*) AS calls FROM traces "  # noqa: S608 constants of this module
        "WHERE project_id = :project_id AND source = :source AND kind = ANY(:kinds) "
        "AND occurred_at >= :start AND occurred_at < :end "
        f"AND cost_usd BETWEEN 0 AND {MOST_USD} AND {about}"
    )
    for subject, about in _ABOUT.items()
}
_PAUSE_SECONDS = 0.02
# A call may be dated a day ahead.
_AHEAD = timedelta(days=1)
# Traces of older periods may be deleted, so what was counted of them stays.
_REACH = timedelta(days=62)
_MOST_TRIES = 5
_CONFLICT_STATES = ("40001", "40P01")


async def recount(
    engine: AsyncEngine, project_id: str, budget_id: UUID, now: datetime, *, patience: float
) -> bool:
    """Add up the periods of a budget of the last two months; returns True once it is counted.

    Waits at most `patience` seconds for transactions that were running, and returns False where
    one takes longer. The sums are right also where a budget was counted before. Raises errors of
    Postgres.
    """
    if not await _writers_ended(engine, patience):
        return False
    for _ in range(_MOST_TRIES):
        try:
            return await _count(engine, project_id, budget_id, now)
        except DBAPIError as error:
            # Folding replaced entries of the snapshot.
            if getattr(error.orig, "sqlstate", None) not in _CONFLICT_STATES:
                raise
    return False


async def _writers_ended(engine: AsyncEngine, patience: float) -> bool:
    async with engine.begin() as connection:
        number = await connection.scalar(_NOW)
    until = time.monotonic() + patience
    while True:
        async with engine.connect() as connection:
            if await connection.scalar(_ENDED, {"number": number}):
                return True
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_PAUSE_SECONDS)


async def _count(engine: AsyncEngine, project_id: str, budget_id: UUID, now: datetime) -> bool:
    key = {"project_id": project_id, "budget_id": budget_id}
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ")
        await connection.execute(_LOCK, key)
        budget = await read_budget(connection, project_id, budget_id)
        if budget is None:
            return False
        entries = {}
        since = budget.span(max(budget.counted_from, now - _REACH)).start
        for span in _spans(budget, since, now + _AHEAD):
            if (found := await _sum(connection, budget, span)).calls:
                entries[Place(budget_id, span.start)] = found
        await connection.execute(_CLEAR, {**key, "since": since, "counted_from": budget.counted_from})
        await add_spending(connection, project_id, entries)
        await connection.execute(_COUNTED, key)
        await connection.commit()
    return True


def _spans(budget: Budget, since: datetime, until: datetime) -> Iterator[Span]:
    span = budget.span(since)
    while span.start <= until:
        yield span
        span = budget.span(span.end)


async def _sum(connection: AsyncConnection, budget: Budget, span: Span) -> Spending:
    parameters = {
        "project_id": budget.project_id,
        "source": COUNTED_SOURCE,
        "kinds": sorted(COUNTED_KINDS),
        "start": span.start,
        "end": span.end,
    }
    if budget.by != "project":
        parameters["names"] = list(budget.names)
    if budget.by == "metadata":
        parameters["key"] = budget.key
    row = (await connection.execute(_SUM[budget.by], parameters)).one()
    return Spending(Decimal(row.cost_usd), row.calls)
