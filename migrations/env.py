"""The entry point of Alembic: it runs migrations over asyncpg, under an advisory lock."""

from __future__ import annotations

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.storage.budget_tables import metadata

_LOCK = 7_301_000


def include(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave the partitions of traces out of comparisons, because they come and go with time."""
    return not (kind == "table" and name is not None and name.startswith("traces_p"))


def migrate(connection: Connection) -> None:
    """Run pending migrations in one transaction; a second process waits and then finds none."""
    context.configure(connection=connection, target_metadata=metadata, include_name=include)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        context.run_migrations()


async def main() -> None:
    """Connect to the configured database and migrate it."""
    engine = create_async_engine(context.config.attributes["database_url"], poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


asyncio.run(main())
