"""Adding up batches of calls into rollups: every few seconds, and before anybody reads figures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from app.aggregation import add_up
from app.schemas.calls import decode_calls
from app.schemas.rollups import Delta
from app.storage.engine import REFUSALS, Connection, Engine, is_refusal, reading, writing
from app.storage.rollup_batches import Place, lock_batches, newest_batch, set_aside, take_batches
from app.storage.rollup_writes import append_deltas

__all__ = ["MOST_BATCHES", "figures", "fold_batches"]

logger = logging.getLogger(__name__)

# About 4,000 calls: a tenth of a second of one processor, and 30 MB for as long.
MOST_BATCHES = 8
_FAULTS = (*REFUSALS, msgspec.MsgspecError)


async def fold_batches(
    connection: Connection, project_id: str | None = None, *, until: int | None = None
) -> int:
    """Add up at most MOST_BATCHES waiting batches, in the transaction at hand; returns how many there were.

    With `until` later ones are left. What is taken from a batch is in the rollups when the transaction
    commits, and never in both or neither. One that cannot be added up is set aside, so that it stops no other.
    """
    places = await lock_batches(connection, project_id, most=MOST_BATCHES, until=until)
    if places and not await _fold(connection, places):
        for place in places:
            if not await _fold(connection, [place]):
                logger.error("a batch of project %s cannot be added up and is set aside: %d", *place)
                await set_aside(connection, place)
    return len(places)


@asynccontextmanager
async def figures(engine: Engine, project_id: str) -> AsyncIterator[Connection]:
    """Yield a connection whose rollups hold everything of a project that was stored before.

    Raises Unavailable when Postgres cannot be used now.
    """
    async with reading(engine) as connection:
        newest = await newest_batch(connection, project_id)
        await connection.rollback()
        if newest is None:
            yield connection
            return
    folded = MOST_BATCHES
    while folded:
        async with writing(engine) as connection:
            folded = await fold_batches(connection, project_id, until=newest)
    async with reading(engine) as connection:
        yield connection


async def _fold(connection: Connection, places: Sequence[Place]) -> bool:
    """Move batches into the rollups; tells whether that could be done, and undoes it where not."""
    try:
        async with connection.begin_nested():
            deltas = await asyncio.to_thread(_add_up, await take_batches(connection, places))
            await append_deltas(connection, deltas)
    except _FAULTS as error:
        if not (isinstance(error, msgspec.MsgspecError) or is_refusal(error)):
            raise
        logger.warning("%d batches cannot be added up: %s", len(places), type(error).__name__)
        return False
    return True


def _add_up(batches: Sequence[bytes]) -> list[Delta]:
    return add_up(decode_calls(batch) for batch in batches)
