"""The saved views of projects."""

from __future__ import annotations

from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.saved_views import SavedView
from app.storage.tables import saved_views

__all__ = ["add_view", "count_views", "delete_view", "read_views"]

_columns = saved_views.c


async def read_views(connection: AsyncConnection, project_id: str) -> list[SavedView]:
    """Return the saved views of a project by their names."""
    found = await connection.execute(
        select(saved_views).where(_columns.project_id == project_id).order_by(_columns.name, _columns.view_id)
    )
    return [SavedView(**row._mapping) for row in found]  # noqa: SLF001 the documented way to a mapping


async def count_views(connection: AsyncConnection, project_id: str) -> int:
    """Return how many views a project has saved."""
    counted = select(func.count()).select_from(saved_views).where(_columns.project_id == project_id)
    return (await connection.execute(counted)).scalar_one()


async def add_view(connection: AsyncConnection, view: SavedView) -> None:
    """Store a new view."""
    await connection.execute(insert(saved_views).values(**msgspec.structs.asdict(view)))


async def delete_view(connection: AsyncConnection, project_id: str, view_id: UUID) -> str | None:
    """Delete a view and return its name; returns None if there is none."""
    gone = (
        delete(saved_views)
        .where(_columns.project_id == project_id, _columns.view_id == view_id)
        .returning(_columns.name)
    )
    name: str | None = (await connection.execute(gone)).scalar_one_or_none()
    return name
