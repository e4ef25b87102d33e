"""Budgets as they are defined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.budgets import Budget
from app.storage.budget_tables import budget_crossings, budget_spending, budgets

__all__ = [
    "add_budget",
    "budgets_to_count",
    "count_budgets",
    "delete_budget",
    "delete_budgets_of_user",
    "read_all_budgets",
    "read_budget",
    "read_budgets",
    "recount_all",
    "save_budget",
]

_columns = budgets.c
_READ = select(budgets).order_by(_columns.project_id, _columns.created_at, _columns.budget_id)


async def read_budgets(connection: AsyncConnection, project_id: str) -> list[Budget]:
    """Return the budgets of a project, the oldest first."""
    return await _read(connection, _columns.project_id == project_id)


async def read_all_budgets(connection: AsyncConnection) -> list[Budget]:
    """Return the budgets of all projects whose calls are added up."""
    return await _read(connection, _columns.counted)


async def budgets_to_count(connection: AsyncConnection) -> list[Budget]:
    """Return the budgets of all projects whose calls have to be added up."""
    return await _read(connection, ~_columns.counted)


async def read_budget(connection: AsyncConnection, project_id: str, budget_id: UUID) -> Budget | None:
    """Return one budget of a project."""
    return next(iter(await _read(connection, *_at(project_id, budget_id))), None)


async def count_budgets(connection: AsyncConnection, project_id: str) -> int:
    """Return how many budgets a project has."""
    counted = select(func.count()).select_from(budgets).where(_columns.project_id == project_id)
    return (await connection.execute(counted)).scalar_one()


async def add_budget(connection: AsyncConnection, budget: Budget) -> None:
    """Store a new budget."""
    await connection.execute(insert(budgets).values(**_values(budget)))


async def save_budget(connection: AsyncConnection, budget: Budget) -> None:
    """Replace a budget."""
    await connection.execute(
        update(budgets).where(*_at(budget.project_id, budget.budget_id)).values(**_values(budget))
    )


async def delete_budget(connection: AsyncConnection, project_id: str, budget_id: UUID) -> bool:
    """Delete a budget with what was spent of it; returns False if there is none."""
    for table in (budget_spending, budget_crossings):
        await connection.execute(
            delete(table).where(table.c.project_id == project_id, table.c.budget_id == budget_id)
        )
    found = await connection.execute(delete(budgets).where(*_at(project_id, budget_id)))
    return found.rowcount > 0


async def delete_budgets_of_user(
    connection: AsyncConnection, project_id: str, user_ids: Sequence[str]
) -> None:
    """Delete the budgets that name a user, by any of the user's stored ids."""
    named = _columns.names.overlap(list(user_ids))
    for budget in await _read(
        connection, _columns.project_id == project_id, _columns.subject == "user", named
    ):
        await delete_budget(connection, project_id, budget.budget_id)


async def recount_all(connection: AsyncConnection, project_id: str) -> None:
    """Have the calls of a project's budgets added up again, after traces were changed by hand."""
    await connection.execute(update(budgets).where(_columns.project_id == project_id).values(counted=False))


def _at(project_id: str, budget_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return _columns.project_id == project_id, _columns.budget_id == budget_id


def _values(budget: Budget) -> dict[str, Any]:
    values = {name: getattr(budget, name) for name in Budget.__struct_fields__ if name != "by"}
    return {**values, "subject": budget.by, "names": list(budget.names)}


async def _read(connection: AsyncConnection, *where: ColumnElement[bool]) -> list[Budget]:
    return [_budget(row) for row in await connection.execute(_READ.where(*where))]


def _budget(row: Row[Any]) -> Budget:
    values = row._asdict()
    values["by"] = values.pop("subject")
    values["budget_id"] = UUID(bytes=values["budget_id"].bytes)
    return Budget(**{**values, "names": tuple(values["names"])})
