"""Adding up batches of calls into rollups: every few seconds, and before anybody reads figures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from app.errors import Unavailable
from app.figures.aggregation import add_up
from app.figures.calls import decode_calls
from app.figures.delta import Delta
from app.storage.engine import REFUSALS, Connection, Engine, is_overflow, is_refusal, reading, writing
from app.storage.locks import UPKEEP, try_lock
from app.storage.rollups.batches import Place, lock_batches, newest_batch, set_aside, take_batches
from app.storage.rollups.set_aside import projects_out_of_bounds, projects_with_figures, set_aside_figures
from app.storage.rollups.writing import append_deltas
from monitoring.bisection import Bisection

__all__ = ["MOST_BATCHES", "Step", "figures", "fold_batches", "fold_each"]

logger = logging.getLogger(__name__)

# About 4,000 calls: a tenth of a second of one processor, and 30 MB for as long.
MOST_BATCHES = 8
_FAULTS = (*REFUSALS, msgspec.MsgspecError)
_RETRY_SECONDS = 1
_SET_ASIDE = (
    "%d rows of figures of project %s hold what no sum can bear; it is set aside: llm-monitor doctor --repair"
)
Step = Callable[[Connection, datetime, Sequence[str] | None], Awaitable[None]]


async def fold_batches(
    connection: Connection, project_id: str | None = None, *, until: int | None = None
) -> int:
    """Add up at most MOST_BATCHES waiting batches, in the transaction at hand; returns how many there were.

    With `until` later ones are left. What is taken from a batch is in the rollups when the transaction
    commits, and never in both or neither. One that cannot be added up is set aside, so that it stops no other.
    """
    places = await lock_batches(connection, project_id, most=MOST_BATCHES, until=until)
    parts = Bisection(places)
    for part in parts:
        if not await _fold(connection, part) and not parts.halve(part):
            logger.error("a batch of project %s cannot be added up and is set aside: %d", *part[0])
            await set_aside(connection, part[0])
    return len(places)


@asynccontextmanager
async def figures(engine: Engine, project_id: str) -> AsyncIterator[Connection]:
    """Yield a connection whose rollups hold everything of a project that was stored before.

    Where the block fails for a sum that cannot be taken, what spoils it is set aside for the next who asks.
    Raises Unavailable then, and when Postgres cannot be used now.
    """
    try:
        async with _whole_figures(engine, project_id) as connection:
            yield connection
    except Exception as error:
        if is_overflow(error) and await _mend(engine, project_id):
            raise Unavailable(
                "A sum could not be taken; what spoilt it was set aside, ask again.",
                retry_after=_RETRY_SECONDS,
            ) from error
        raise


@asynccontextmanager
async def _whole_figures(engine: Engine, project_id: str) -> AsyncIterator[Connection]:
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


async def _mend(engine: Engine, project_id: str) -> bool:
    """Set aside what is out of bounds; tells whether asking again may help."""
    async with writing(engine) as connection:
        if not await try_lock(connection, UPKEEP):
            return True  # whoever folds now meets the same sum, or leaves the lock to us
        rows = await set_aside_figures(connection, project_id)
    if rows:
        logger.error(_SET_ASIDE, rows, project_id)
    return rows > 0


async def fold_each(connection: Connection, step: Step, now: datetime) -> list[str]:
    """Take a step that adds up rows of all projects, in the transaction at hand, which holds the lock UPKEEP.

    Where a sum cannot be taken, what is out of bounds is set aside. Where that does not help, the projects are
    halved until those for which the step fails are alone; returns them.
    """
    if await _taken(connection, step, now):
        return []
    for project_id in await projects_out_of_bounds(connection):
        rows = await set_aside_figures(connection, project_id)
        logger.error(_SET_ASIDE, rows, project_id)
    if await _taken(connection, step, now):
        return []
    failed: list[str] = []
    parts = Bisection(await projects_with_figures(connection))
    for part in parts:
        if not await _taken(connection, step, now, part) and not parts.halve(part):
            failed += part
    return failed


async def _taken(
    connection: Connection, step: Step, now: datetime, project_ids: Sequence[str] | None = None
) -> bool:
    """Take a step; tells whether that could be done, and undoes it where not."""
    try:
        async with connection.begin_nested():
            await step(connection, now, project_ids)
    except REFUSALS as error:
        if not is_refusal(error):
            raise
        concerned = "all projects" if project_ids is None else f"{len(project_ids)} projects"
        alone = project_ids[0] if project_ids and len(project_ids) == 1 else concerned
        logger.warning("rows of %s cannot be added up: %s", alone, type(error).__name__)
        return False
    return True


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
