"""What is spent of budgets: signed entries, written with the traces that they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.spending import Place, Spending, spending_difference
from app.schemas.traces import Trace
from app.storage.budgets.definitions import read_budgets

__all__ = ["Asked", "add_spending", "count_spending", "fold_spending", "forget_periods", "read_spending"]

_ADD = text("""
INSERT INTO budget_spending (project_id, budget_id, period_start, cost_usd, calls)
SELECT :project_id, * FROM unnest(
    CAST(:budgets AS uuid[]), CAST(:starts AS timestamptz[]), CAST(:costs AS numeric[]), CAST(:calls AS bigint[]))
""")
_READ = text("""
SELECT project_id, budget_id, period_start, sum(cost_usd) AS cost_usd, sum(calls)::bigint AS calls
FROM budget_spending
WHERE (project_id, budget_id, period_start) IN (
    SELECT * FROM unnest(CAST(:projects AS text[]), CAST(:budgets AS uuid[]), CAST(:starts AS timestamptz[])))
GROUP BY 1, 2, 3
""")
# Entries that a transaction wrote while the budget was being deleted belong to nothing.
_DROP_STRAY = text("""
DELETE FROM budget_spending AS s WHERE NOT EXISTS (
    SELECT FROM budgets AS b WHERE b.project_id = s.project_id AND b.budget_id = s.budget_id)
""")
_FOLD = text("""
WITH many AS (
    SELECT project_id, budget_id, period_start FROM budget_spending GROUP BY 1, 2, 3 HAVING count(*) > :least
), folded AS (
    DELETE FROM budget_spending AS s USING many AS m
    WHERE (s.project_id, s.budget_id, s.period_start) = (m.project_id, m.budget_id, m.period_start)
    RETURNING s.*
)
INSERT INTO budget_spending (project_id, budget_id, period_start, cost_usd, calls)
SELECT project_id, budget_id, period_start, sum(cost_usd), sum(calls) FROM folded GROUP BY 1, 2, 3
""")
_FORGET = (
    text("DELETE FROM budget_spending WHERE period_start < :before"),
    text("DELETE FROM budget_crossings WHERE period_start < :before"),
)
_FOLDED_FROM = 20


class Asked(NamedTuple):
    """One period of one budget of one project."""

    project_id: str
    budget_id: UUID
    period_start: datetime


async def count_spending(
    connection: AsyncConnection, project_id: str, before: Sequence[Trace], after: Sequence[Trace]
) -> None:
    """Add traces to the budgets of their project, or take those in `before` out.

    The transaction has to have written the traces, or locked them, before. A budget that is made
    meanwhile waits for such transactions and counts what they missed (`recounting`).
    """
    if not (before or after):
        return
    budgets = await read_budgets(connection, project_id)
    await add_spending(connection, project_id, spending_difference(budgets, before, after))


async def add_spending(
    connection: AsyncConnection, project_id: str, entries: Mapping[Place, Spending]
) -> None:
    """Write entries of budgets of one project."""
    if entries:
        await connection.execute(
            _ADD,
            {
                "project_id": project_id,
                "budgets": [place.budget_id for place in entries],
                "starts": [place.period_start for place in entries],
                "costs": [one.cost_usd for one in entries.values()],
                "calls": [one.calls for one in entries.values()],
            },
        )


async def read_spending(connection: AsyncConnection, asked: Sequence[Asked]) -> dict[Asked, Spending]:
    """Return what was spent in periods of budgets; a period without calls is left out."""
    if not asked:
        return {}
    parameters = {
        "projects": [one.project_id for one in asked],
        "budgets": [one.budget_id for one in asked],
        "starts": [one.period_start for one in asked],
    }
    return {
        Asked(row.project_id, UUID(bytes=row.budget_id.bytes), row.period_start): Spending(
            row.cost_usd, row.calls
        )
        for row in await connection.execute(_READ, parameters)
    }


async def fold_spending(connection: AsyncConnection) -> None:
    """Replace many entries of a period by one with their sum, and drop those of deleted budgets.

    The caller holds the lock BUDGETS.
    """
    await connection.execute(_DROP_STRAY)
    await connection.execute(_FOLD, {"least": _FOLDED_FROM})


async def forget_periods(connection: AsyncConnection, before: datetime) -> None:
    """Delete what is known of periods that began before an aware moment."""
    for statement in _FORGET:
        await connection.execute(statement, {"before": before})
