"""Batches of calls that are stored and not yet in the rollups: one row per job instead of a row per bucket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.calls import Calls
from app.schemas.queued import encode

__all__ = [
    "Place",
    "append_batches",
    "batches_ripe",
    "halt_batches",
    "lock_batches",
    "newest_batch",
    "set_aside",
    "take_batches",
]

_APPEND = "INSERT INTO rollup_batches (project_id, calls) SELECT * FROM unnest($1::text[], $2::bytea[])"
# Two that take at once share nothing: the second waits for the first, and takes what is left.
_LOCK = text("""
SELECT project_id, batch_id FROM rollup_batches
WHERE project_id = coalesce(:project_id, project_id)
    AND batch_id <= coalesce(CAST(:until AS bigint), batch_id) AND NOT faulty
ORDER BY batch_id LIMIT :most FOR UPDATE
""")
_OF = (
    "(project_id, batch_id) IN (SELECT * FROM unnest(CAST(:projects AS text[]), CAST(:numbers AS bigint[])))"
)
_TAKE = text(f"DELETE FROM rollup_batches WHERE {_OF} RETURNING calls")  # noqa: S608 a constant
_SET_ASIDE = text(f"UPDATE rollup_batches SET faulty = true WHERE {_OF}")  # noqa: S608 a constant
# A replica cannot take any, nor can a role that only reads; they show what others have added up.
_NEWEST = text("""
SELECT max(batch_id) FROM rollup_batches WHERE project_id = :project_id AND NOT faulty
    AND NOT pg_is_in_recovery() AND has_table_privilege('rollup_batches', 'DELETE')
""")
_RIPE = text("""
SELECT EXISTS (SELECT FROM rollup_batches WHERE created_at <= now() - CAST(:age AS interval) AND NOT faulty)
""")
_HALT = text("LOCK TABLE rollup_batches IN SHARE ROW EXCLUSIVE MODE")


class Place(NamedTuple):
    """Where a batch is kept."""

    project_id: str
    batch_id: int


async def append_batches(connection: AsyncConnection, batches: Sequence[Calls]) -> None:
    """Add batches inside the transaction that stored what they count."""
    if batches:
        parameters = ([batch.project_id for batch in batches], [encode(batch) for batch in batches])
        await connection.exec_driver_sql(_APPEND, parameters)


async def lock_batches(
    connection: AsyncConnection, project_id: str | None, *, most: int, until: int | None
) -> list[Place]:
    """Lock at most so many batches, of one project or all, the oldest first, with `until` none after that one.

    What another transaction has locked is waited for, and left out when it is gone then.
    """
    parameters = {"project_id": project_id, "most": most, "until": until}
    return [Place(*row) for row in await connection.execute(_LOCK, parameters)]


async def take_batches(connection: AsyncConnection, places: Sequence[Place]) -> list[bytes]:
    """Remove locked batches; returns them as `app.figures.calls` encodes them."""
    return list((await connection.execute(_TAKE, _of(places))).scalars())


async def set_aside(connection: AsyncConnection, place: Place) -> None:
    """Keep a batch that cannot be added up, out of everybody's way."""
    await connection.execute(_SET_ASIDE, _of([place]))


async def newest_batch(connection: AsyncConnection, project_id: str) -> int | None:
    """Return the number of a project's last batch, None when none waits or this server lets us take none."""
    newest: int | None = await connection.scalar(_NEWEST, {"project_id": project_id})
    return newest


async def batches_ripe(connection: AsyncConnection, age: timedelta) -> bool:
    """Tell whether a batch has waited for so long."""
    return bool(await connection.scalar(_RIPE, {"age": age}))


async def halt_batches(connection: AsyncConnection) -> None:
    """Let nobody add or take batches until the transaction ends; those who do so already are waited for."""
    await connection.execute(_HALT)


def _of(places: Sequence[Place]) -> dict[str, list[str] | list[int]]:
    return {
        "projects": [place.project_id for place in places],
        "numbers": [place.batch_id for place in places],
    }
