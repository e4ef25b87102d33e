"""Daily partitions of the traces table: made ahead of time, never missing, never a default one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.schemas.ids import first_id

__all__ = ["DAYS_AHEAD", "drop_partitions", "ensure_partitions", "partition_name"]

DAYS_AHEAD = 3
_LOCK = 7_301_001
_EXPIRED_COMMENT = "expired: being dropped"
# Those half detached come first: Postgres detaches no other one before them.
_EXPIRED = text(f"""
SELECT c.relname, i.inhrelid IS NOT NULL AS attached, coalesce(i.inhdetachpending, false) AS pending
FROM pg_class AS c LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
WHERE c.relname ~ '^traces_p[0-9]{{8}}$' AND c.relkind = 'r'
    AND (i.inhparent = 'traces'::regclass AND c.relname < :name
        OR obj_description(c.oid, 'pg_class') = '{_EXPIRED_COMMENT}')
ORDER BY pending DESC, c.relname
""")  # noqa: S608 a constant


def partition_name(day: date) -> str:
    """Return the name of the partition that holds identifiers minted on `day` (UTC)."""
    return f"traces_p{day:%Y%m%d}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


async def ensure_partitions(engine: AsyncEngine, first: date, last: date) -> list[str]:
    """Create the partitions of every day from `first` to `last` that do not exist; returns their names.

    CREATE LIKE then ATTACH takes no lock that stops writers, and an advisory lock lets several replicas
    call this at once.
    """
    created = []
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            if await _create(connection, day):
                created.append(partition_name(day))
    return created


async def _create(connection: AsyncConnection, day: date) -> bool:
    name = partition_name(day)
    exists = await connection.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name})
    if exists:
        return False
    low, high = first_id(_midnight(day)), first_id(_midnight(day + timedelta(days=1)))
    # Identifiers and names below are derived from a date alone; DDL takes no parameters.
    await connection.execute(
        text(f"CREATE TABLE {name} (LIKE traces INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)")
    )
    await connection.execute(
        text(f"ALTER TABLE traces ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')")
    )
    return True


async def drop_partitions(engine: AsyncEngine, *, before: date) -> list[str]:
    """Drop the partitions of days before `before`, without stopping writers; returns their names.

    DETACH CONCURRENTLY waits for running queries instead of locking them out; it takes no transaction, so
    what an earlier call left half done is found by its comment and finished. A table that somebody else
    detached, to keep it, has no such comment and stays.
    """
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        if not await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
            return []
        try:
            expired = (await connection.execute(_EXPIRED, {"name": partition_name(before)})).all()
            for name, attached, pending in expired:
                if attached and not pending:
                    await connection.execute(text(f"COMMENT ON TABLE {name} IS '{_EXPIRED_COMMENT}'"))
                if attached:
                    how = "FINALIZE" if pending else "CONCURRENTLY"
                    await connection.execute(text(f"ALTER TABLE traces DETACH PARTITION {name} {how}"))
                await connection.execute(text(f"DROP TABLE {name}"))
        finally:
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
    return [name for name, _, _ in expired]
