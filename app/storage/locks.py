"""Advisory locks for work that only one replica should do at a time."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = [
    "ALERTING",
    "BUDGETS",
    "COMPRESSION",
    "FOLDING",
    "RECLAIM",
    "RETENTION",
    "UPKEEP",
    "try_lock",
    "wait_lock",
]

UPKEEP = 7_301_002
RECLAIM = 7_301_003
RETENTION = 7_301_004
FOLDING = 7_301_005
COMPRESSION = 7_301_006
BUDGETS = 7_301_007
ALERTING = 7_301_008


async def try_lock(connection: AsyncConnection, key: int) -> bool:
    """Take a lock until the transaction ends; returns False if another replica holds it."""
    return bool(await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key}))


async def wait_lock(connection: AsyncConnection, key: int) -> None:
    """Take a lock until the transaction ends, after the replica that holds it has freed it."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
