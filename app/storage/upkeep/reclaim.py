"""Giving disk back after rows were deleted one by one, without stopping readers or writers.

Deleted rows leave holes. Where rows still arrive the holes are used again once they are vacuumed. A day that
is over gets no more rows, so its partition is written anew without them and the old file is removed.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.storage.locks import RECLAIM, try_lock

__all__ = ["reclaim"]

# Writing a partition anew costs what stays; below this share of holes it is not worth that.
_HOLES = 0.2
_LOCK_TIMEOUT = "500ms"  # shorter than Postgres takes to look for a deadlock
_LOCK_NOT_AVAILABLE = "55P03"

# Records may be stored a day after they were accepted, when the queue was long.
_TABLES = text("""
SELECT s.relname AS name, s.n_tup_del AS deleted, s.n_live_tup AS live, s.n_dead_tup AS dead,
    i.inhrelid IS NOT NULL
        AND s.relname < 'traces_p' || to_char((now() AT TIME ZONE 'UTC')::date - 1, 'YYYYMMDD') AS closed
FROM pg_stat_user_tables AS s
LEFT JOIN pg_inherits AS i ON i.inhrelid = s.relid AND i.inhparent = 'traces'::regclass
WHERE i.inhrelid IS NOT NULL AND NOT i.inhdetachpending OR s.relname IN ('scores', 'feedback', 'dead_letters')
ORDER BY s.relname
""")
_BOUNDS = text("""
SELECT pg_get_expr(relpartbound, oid) AS bounds, pg_get_partition_constraintdef(oid) AS rule
FROM pg_class WHERE oid = CAST(:name AS regclass)
""")


async def reclaim(engine: AsyncEngine) -> list[str]:
    """Vacuum what has dead rows and write closed days with many holes anew; returns the days written anew."""
    async with engine.connect() as connection:
        found = (await connection.execute(_TABLES)).all()
    hollow = [row.name for row in found if row.closed and row.deleted > _HOLES * (row.deleted + row.live)]
    written = [name for name in hollow if await _write_anew(engine, name)]
    # Days written anew have no dead rows; the others' may be used again from now on.
    dead = [row.name for row in found if row.dead and row.name not in written]
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("SET statement_timeout = 0"))
        try:
            for name in dead:
                await connection.execute(text(f"VACUUM (SKIP_LOCKED) {name}"))
        finally:
            await connection.execute(text("RESET statement_timeout"))
    return written


async def _write_anew(engine: AsyncEngine, name: str) -> bool:
    """Replace a partition by a copy without holes; False when it is too busy now.

    Readers are not stopped while it is copied, only writers of this one day. Exchanging the two locks the
    table for a moment, and gives up rather than let others queue behind that lock.
    """
    try:
        async with engine.begin() as connection:
            if not await try_lock(connection, RECLAIM):
                return False
            await connection.execute(text("SET LOCAL statement_timeout = 0"))  # a day may take hours
            await _exchange(connection, name)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return False
        raise
    return True


async def _exchange(connection: AsyncConnection, name: str) -> None:
    copy = f"{name}_anew"
    bounds, rule = (await connection.execute(_BOUNDS, {"name": name})).one()
    # Names and bounds come from Postgres' own catalogue; DDL takes no parameters.
    for statement in (
        f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'",
        f"LOCK TABLE {name} IN SHARE MODE",
        f"CREATE TABLE {copy} (LIKE {name} INCLUDING ALL)",
        f"INSERT INTO {copy} SELECT * FROM {name}",  # noqa: S608 names of our partitions
        # Postgres then knows without looking that every row is within the bounds.
        f"ALTER TABLE {copy} ADD CONSTRAINT bounds CHECK ({rule})",
        f"ANALYZE {copy}",
        f"ALTER TABLE traces DETACH PARTITION {name}",
        f"DROP TABLE {name}",
        f"ALTER TABLE {copy} RENAME TO {name}",
        f"ALTER TABLE traces ATTACH PARTITION {name} {bounds}",
        f"ALTER TABLE {name} DROP CONSTRAINT bounds",
    ):
        await connection.execute(text(statement.replace(":", r"\:")))
