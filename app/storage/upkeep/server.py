"""What the PostgreSQL server says about itself."""

from __future__ import annotations

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["ServerSettings", "read_server_settings"]

_NAMES = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "max_connections")
_READ = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings on which durability and capacity rest; `version` is the major one."""

    version: int
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    autovacuum: bool
    max_connections: int
    database_bytes: int


async def read_server_settings(connection: AsyncConnection) -> ServerSettings:
    """Read them from the server of a connection."""
    rows = await connection.execute(_READ, {"names": list(_NAMES)})
    found = {row.name: row.setting for row in rows}
    version = await connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000"))
    size = await connection.scalar(text("SELECT pg_database_size(current_database())"))
    return ServerSettings(
        version=int(version or 0),
        fsync=found["fsync"] == "on",
        full_page_writes=found["full_page_writes"] == "on",
        synchronous_commit=found["synchronous_commit"],
        autovacuum=found["autovacuum"] == "on",
        max_connections=int(found["max_connections"]),
        database_bytes=int(size or 0),
    )
