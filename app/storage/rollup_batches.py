"""Batches of calls that are stored and not yet in the rollups: one row per job instead of a row per bucket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.calls import Calls, decode_calls
from app.schemas.queued import encode

__all__ = ["append_batches", "batches_ripe", "batches_wait", "halt_batches", "take_batches"]

_APPEND = "INSERT INTO rollup_batches (project_id, calls) SELECT * FROM unnest($1::text[], $2::bytea[])"
# Two that take at once share nothing: the second waits for the first, and takes what is left.
_TAKE = text("""
DELETE FROM rollup_batches WHERE batch_id = ANY(ARRAY(
    SELECT batch_id FROM rollup_batches WHERE project_id = coalesce(:project_id, project_id)
    ORDER BY batch_id LIMIT :most FOR UPDATE
)) RETURNING calls
""")
# A replica for reading cannot take any; what it shows is as old as its last copy of a fold.
_WAIT = text("""
SELECT EXISTS (SELECT FROM rollup_batches WHERE project_id = :project_id) AND NOT pg_is_in_recovery()
""")
_RIPE = text("SELECT EXISTS (SELECT FROM rollup_batches WHERE created_at <= now() - CAST(:age AS interval))")
_HALT = text("LOCK TABLE rollup_batches IN SHARE ROW EXCLUSIVE MODE")


async def append_batches(connection: AsyncConnection, batches: Sequence[Calls]) -> None:
    """Add batches inside the transaction that stored what they count."""
    if batches:
        parameters = ([batch.project_id for batch in batches], [encode(batch) for batch in batches])
        await connection.exec_driver_sql(_APPEND, parameters)


async def take_batches(connection: AsyncConnection, project_id: str | None, most: int) -> list[Calls]:
    """Remove and return at most so many batches, of one project or all, the oldest first.

    What was being taken by another transaction is waited for.
    """
    rows = await connection.execute(_TAKE, {"project_id": project_id, "most": most})
    return [decode_calls(calls) for calls in rows.scalars()]


async def batches_wait(connection: AsyncConnection, project_id: str) -> bool:
    """Tell whether a project has batches that this server lets us take."""
    return bool(await connection.scalar(_WAIT, {"project_id": project_id}))


async def batches_ripe(connection: AsyncConnection, age: timedelta) -> bool:
    """Tell whether a batch has waited for so long."""
    return bool(await connection.scalar(_RIPE, {"age": age}))


async def halt_batches(connection: AsyncConnection) -> None:
    """Let nobody add or take batches until the transaction ends; those who do so already are waited for."""
    await connection.execute(_HALT)
