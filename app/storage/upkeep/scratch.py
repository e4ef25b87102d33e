"""Copies of the tables that a stored job writes to, in a schema of their own, to measure writing with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.figures.calls import Calls
from app.schemas.traces import Trace
from app.storage.ledger.settlements import settle
from app.storage.rollups.batches import append_batches
from app.storage.traces.writing import insert_traces

__all__ = ["Scratch", "scratch_tables"]

_SCHEMA = "llm_monitor_doctor"
_TABLES = ("traces", "rollup_batches", "rollups", "settlements", "dead_letters")
_SIZES = text("""
SELECT pg_total_relation_size(CAST(:table AS regclass)) AS bytes, (
    SELECT reltuples FROM pg_class WHERE oid = CAST(:table AS regclass)
) AS rows
""")


class Scratch:
    """Writes jobs to the copies exactly as workers write to the tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection that finds the copies under the tables' names."""
        async with self._engine.connect() as connection:
            await connection.execute(text(f"SET search_path = {_SCHEMA}, public"))
            await connection.commit()
            try:
                yield connection
            finally:
                await connection.rollback()
                await connection.execute(text("RESET search_path"))
                await connection.commit()

    async def write(
        self, connection: AsyncConnection, job_id: str, traces: Sequence[Trace], batches: Sequence[Calls]
    ) -> None:
        """Store one job, durably."""
        await insert_traces(connection, traces)
        await append_batches(connection, batches)
        await settle(connection, traces[0].project_id, job_id, stored=len(traces), duplicate=0, dead=0)
        await connection.commit()

    async def row_bytes(self, table: str) -> float:
        """Return the bytes that a row of a copy takes on disk, indexes and long texts included."""
        async with self.connected() as connection:
            await connection.execute(text(f"ANALYZE {_SCHEMA}.{table}"))
            found = (await connection.execute(_SIZES, {"table": f"{_SCHEMA}.{table}"})).one()
        return float(found.bytes) / max(float(found.rows), 1.0)


@asynccontextmanager
async def scratch_tables(engine: AsyncEngine) -> AsyncIterator[Scratch]:
    """Make the copies for the length of the block; those that an interrupted run left are replaced."""
    async with engine.begin() as connection:
        await connection.execute(text(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE"))
        await connection.execute(text(f"CREATE SCHEMA {_SCHEMA}"))
        for table in _TABLES:
            await connection.execute(
                text(f"CREATE TABLE {_SCHEMA}.{table} (LIKE public.{table} INCLUDING ALL)")
            )
    try:
        yield Scratch(engine)
    finally:
        async with engine.begin() as connection:
            await connection.execute(text(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE"))
