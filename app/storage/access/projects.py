"""Projects and their settings."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.projects import Project, ProjectSettings, decode_settings, encode_settings

__all__ = [
    "add_project",
    "lock_settings",
    "read_projects",
    "read_settings",
    "save_settings",
    "share_settings",
]

_READ = text("SELECT project_id, name, settings::text, created_at FROM projects ORDER BY project_id")
_SETTINGS = "SELECT settings::text FROM projects WHERE project_id = :project_id"
_ADD = text("""
INSERT INTO projects (project_id, name, settings) VALUES (:project_id, :name, CAST(:settings AS jsonb))
ON CONFLICT DO NOTHING RETURNING project_id
""")
_SAVE = text("""
UPDATE projects SET settings = CAST(:settings AS jsonb) WHERE project_id = :project_id RETURNING project_id
""")


async def read_projects(connection: AsyncConnection) -> list[Project]:
    """Return every project, by id."""
    return [
        Project(
            project_id=row.project_id,
            name=row.name,
            settings=decode_settings(row.settings),
            created_at=row.created_at,
        )
        for row in await connection.execute(_READ)
    ]


async def read_settings(connection: AsyncConnection, project_id: str) -> ProjectSettings | None:
    """Return the settings of one project, None when there is no such project."""
    return _found(await connection.scalar(text(_SETTINGS), {"project_id": project_id}))


async def lock_settings(connection: AsyncConnection, project_id: str) -> ProjectSettings | None:
    """Return the same as `read_settings`, and lock the settings until the transaction ends."""
    return _found(await connection.scalar(text(f"{_SETTINGS} FOR UPDATE"), {"project_id": project_id}))


async def share_settings(connection: AsyncConnection, project_id: str) -> ProjectSettings | None:
    """Return the same, and let nobody change the settings until the transaction ends."""
    return _found(await connection.scalar(text(f"{_SETTINGS} FOR SHARE"), {"project_id": project_id}))


def _found(settings: str | None) -> ProjectSettings | None:
    return None if settings is None else decode_settings(settings)


async def add_project(
    connection: AsyncConnection, project_id: str, name: str, settings: ProjectSettings
) -> bool:
    """Store a new project; returns False if its id exists."""
    row = await connection.execute(
        _ADD, {"project_id": project_id, "name": name, "settings": encode_settings(settings).decode()}
    )
    return row.first() is not None


async def save_settings(connection: AsyncConnection, project_id: str, settings: ProjectSettings) -> bool:
    """Replace a project's settings; returns False if there is no such project."""
    row = await connection.execute(
        _SAVE, {"project_id": project_id, "settings": encode_settings(settings).decode()}
    )
    return row.first() is not None
