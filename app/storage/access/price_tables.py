"""The prices that projects set themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = [
    "StoredPrices",
    "lock_price_table",
    "read_price_table",
    "read_price_tables",
    "read_price_versions",
    "save_price_table",
]

_VERSIONS = text("SELECT project_id, version FROM price_tables")
_READ = text("SELECT content::text FROM price_tables WHERE project_id = :project_id")
_SEVERAL = text("""
SELECT project_id, version, content::text AS content FROM price_tables WHERE project_id = ANY(:ids)
""")
_LOCK = text("SELECT 1 FROM projects WHERE project_id = :project_id FOR UPDATE")
_SAVE = text("""
INSERT INTO price_tables (project_id, version, content) VALUES (:project_id, 1, CAST(:content AS jsonb))
ON CONFLICT (project_id) DO UPDATE
SET version = price_tables.version + 1, content = excluded.content, changed_at = now()
""")


class StoredPrices(NamedTuple):
    """A table of prices as JSON. Each change makes `version` greater."""

    version: int
    content: str


async def read_price_versions(connection: AsyncConnection) -> Mapping[str, int]:
    """Return the versions of all tables of prices, by project."""
    return {row.project_id: row.version for row in await connection.execute(_VERSIONS)}


async def read_price_tables(
    connection: AsyncConnection, project_ids: Collection[str]
) -> Mapping[str, StoredPrices]:
    """Return the tables of these projects, by project."""
    rows = await connection.execute(_SEVERAL, {"ids": list(project_ids)})
    return {row.project_id: StoredPrices(row.version, row.content) for row in rows}


async def read_price_table(connection: AsyncConnection, project_id: str) -> str | None:
    """Return the table of one project as JSON, None when it has none."""
    found: str | None = await connection.scalar(_READ, {"project_id": project_id})
    return found


async def lock_price_table(connection: AsyncConnection, project_id: str) -> bool:
    """Let one change of a project's prices follow the other; False if there is no such project."""
    return await connection.scalar(_LOCK, {"project_id": project_id}) is not None


async def save_price_table(connection: AsyncConnection, project_id: str, content: str) -> None:
    """Store or replace the table of a project."""
    await connection.execute(_SAVE, {"project_id": project_id, "content": content})
