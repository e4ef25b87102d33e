"""Advisory locks: work of which one replica at a time is enough."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["COMPRESSION", "FOLDING", "RECLAIM", "RETENTION", "UPKEEP", "try_lock", "wait_lock"]

UPKEEP = 7_301_002
RECLAIM = 7_301_003
RETENTION = 7_301_004
FOLDING = 7_301_005
COMPRESSION = 7_301_006


async def try_lock(connection: AsyncConnection, key: int) -> bool:
    """Take a lock until the transaction ends; False when another replica holds it."""
    return bool(await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key}))


async def wait_lock(connection: AsyncConnection, key: int) -> None:
    """Take a lock until the transaction ends, as soon as the replica that holds it gives it back."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
