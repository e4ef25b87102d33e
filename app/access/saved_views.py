"""Saving and removing views of the dashboard, each with its line in the audit log."""

from __future__ import annotations

from uuid import UUID, uuid4

from app.access.administration import Line, record
from app.access.identity import no_project
from app.errors import Conflict, NotFound
from app.schemas.saved_views import MOST_VIEWS, SavedView
from app.storage.access.projects import lock_settings
from app.storage.access.saved_views import add_view, count_views, delete_view
from app.storage.engine import Connection

__all__ = ["remove_view", "save_view"]


async def save_view(connection: Connection, line: Line, name: str, path: str, query: str) -> SavedView:
    """Save a view for everybody in a project.

    Raises NotFound when the project does not exist, and Conflict when it has too many views.
    """
    if await lock_settings(connection, line.project_id) is None:
        raise no_project(line.project_id)
    if await count_views(connection, line.project_id) >= MOST_VIEWS:
        raise Conflict(f"A project has at most {MOST_VIEWS} saved views: remove one first.")
    view = SavedView(
        project_id=line.project_id,
        view_id=uuid4(),
        name=name,
        path=path,
        query=query,
        created_at=line.now,
    )
    await add_view(connection, view)
    await record(connection, line, "view.saved", str(view.view_id), name=name, path=path)
    return view


async def remove_view(connection: Connection, line: Line, view_id: UUID) -> None:
    """Remove a saved view of a project; raises NotFound if there is none."""
    name = await delete_view(connection, line.project_id, view_id)
    if name is None:
        raise NotFound(f"This project has no saved view {view_id}.")
    await record(connection, line, "view.removed", str(view_id), name=name)
