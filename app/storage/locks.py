"""Advisory locks: work of which one replica at a time is enough."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["UPKEEP", "try_lock"]

UPKEEP = 7_301_002


async def try_lock(connection: AsyncConnection, key: int) -> bool:
    """Take a lock until the transaction ends; False when another replica holds it."""
    return bool(await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key}))
