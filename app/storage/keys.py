"""API keys."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.keys import Key
from app.storage.tables import api_keys

__all__ = ["add_key", "read_keys", "revoke_key"]

_COLUMNS = tuple(api_keys.c[name] for name in Key.__struct_fields__)


async def read_keys(connection: AsyncConnection, project_id: str | None = None) -> list[Key]:
    """Return every key ever made, of one project or of all, the oldest first."""
    found = select(*_COLUMNS).order_by(api_keys.c.created_at, api_keys.c.prefix)
    if project_id is not None:
        found = found.where(api_keys.c.project_id == project_id)
    return [_key(row) for row in await connection.execute(found)]


async def add_key(connection: AsyncConnection, key: Key) -> None:
    """Store a new key; its project must exist."""
    await connection.execute(insert(api_keys).values(msgspec.structs.asdict(key)))


async def revoke_key(
    connection: AsyncConnection, project_id: str, prefix: str, now: datetime
) -> tuple[Key, bool] | None:
    """End a key; returns it and whether this call ended it, None when the project has no such key."""
    mine = (api_keys.c.project_id == project_id) & (api_keys.c.prefix == prefix)
    ended = await connection.execute(
        update(api_keys).where(mine, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    row = (await connection.execute(select(*_COLUMNS).where(mine))).first()
    return (_key(row), bool(ended.rowcount)) if row else None


def _key(row: Row[tuple[object, ...]]) -> Key:
    fields = row._asdict()
    return Key(**{**fields, "scopes": tuple(fields["scopes"])})
