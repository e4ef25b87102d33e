"""API keys."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.keys import Key
from app.storage.tables import api_keys

__all__ = [
    "add_key",
    "count_keys",
    "forget_ended_keys",
    "read_keys",
    "read_standing_keys",
    "revoke_key",
]

_COLUMNS = tuple(api_keys.c[name] for name in Key.__struct_fields__)


async def read_keys(connection: AsyncConnection, project_id: str | None = None) -> list[Key]:
    """Return the keys of one project or of all, the oldest first, those that ended among them."""
    found = select(*_COLUMNS).order_by(api_keys.c.created_at, api_keys.c.prefix)
    if project_id is not None:
        found = found.where(api_keys.c.project_id == project_id)
    return [_key(row) for row in await connection.execute(found)]


async def read_standing_keys(connection: AsyncConnection, ended_after: datetime) -> list[Key]:
    """Return the keys that count, those that ended after an aware moment, and the first that was ever made.

    The latter says that one was made at all, which closes what stands open until then.
    """
    first = select(api_keys.c.prefix).order_by(api_keys.c.created_at).limit(1).scalar_subquery()
    standing = _standing(ended_after) | (api_keys.c.prefix == first)
    rows = await connection.execute(select(*_COLUMNS).where(standing))
    return [_key(row) for row in rows]


async def count_keys(connection: AsyncConnection, project_id: str, now: datetime) -> int:
    """Return how many keys of a project count at an aware moment."""
    counted = select(func.count()).where(api_keys.c.project_id == project_id, _standing(now))
    return await connection.scalar(counted) or 0


async def forget_ended_keys(
    connection: AsyncConnection, project_id: str, now: datetime, *, keep: int
) -> None:
    """Delete the keys of a project that ended before an aware moment, but the last `keep` that were made."""
    ended = (
        select(api_keys.c.prefix)
        .where(api_keys.c.project_id == project_id, ~_standing(now))
        .order_by(api_keys.c.created_at.desc(), api_keys.c.prefix)
        .offset(keep)
    )
    await connection.execute(
        delete(api_keys).where(api_keys.c.project_id == project_id, api_keys.c.prefix.in_(ended))
    )


def _standing(moment: datetime) -> ColumnElement[bool]:
    revoked, expires = api_keys.c.revoked_at, api_keys.c.expires_at
    return (revoked.is_(None) | (revoked > moment)) & (expires.is_(None) | (expires > moment))


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
