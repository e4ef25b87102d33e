"""What keeps storage small and ready: folding rollups and settlements, making and dropping partitions.

It runs beside the jobs instead of as an arq cron, because a cron job waits in the queue behind a backlog,
which is when folding matters most.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from app.folding import MOST_BATCHES, fold_batches
from app.jobs.pricing import PRICE
from app.storage.engine import Connection, Engine, is_outage
from app.storage.jobs import Job, add_job
from app.storage.locks import FOLDING, UPKEEP, try_lock
from app.storage.observed_values import forget_days
from app.storage.partitions import DAYS_AHEAD, drop_partitions, ensure_partitions
from app.storage.prices import projects_to_price
from app.storage.retention import delete_old_rollups, forget_jobs
from app.storage.rollup_batches import batches_ripe
from app.storage.rollup_folds import cover, fold_closed, forget_covered
from app.storage.settlements import fold_settlements
from app.storage.span_parts import forget_parts
from monitoring.pricing import table_name

__all__ = ["Upkeep"]

logger = logging.getLogger(__name__)

_TICK_SECONDS = 2
_TICKS_PER_HOUR = 1800
# Of many replicas the one that comes first adds up what has waited so long.
_RIPE = timedelta(seconds=5)
_FOLDS_PER_TURN, _TICKS_PER_TURN = 5, 30
# A job waits in the queue for thirty days at most, and its names are those of the day it was accepted.
_NAMES_KEPT = timedelta(days=31)


class Upkeep:
    """Does the periodic work of one database; of many replicas one at a time acts."""

    def __init__(self, engine: Engine, *, retention_days: int, rollup_retention_days: int) -> None:
        self._engine = engine
        self._retention = timedelta(days=retention_days)
        self._rollup_retention = timedelta(days=rollup_retention_days)

    async def run(self) -> None:
        """Repeat until cancelled; an outage of Postgres only skips a turn."""
        tick = folds = 0
        while True:
            try:
                folds += await self.fold_batches(_RIPE)
                if folds >= _FOLDS_PER_TURN or tick % _TICKS_PER_TURN == 0:
                    folds = 0
                    await self.turn(datetime.now(UTC), hourly=tick % _TICKS_PER_HOUR == 0)
            except Exception as error:
                if not is_outage(error):
                    logger.exception("upkeep failed and is tried again in %d s", _TICK_SECONDS)
            tick += 1
            await asyncio.sleep(_TICK_SECONDS)

    async def fold_batches(self, age: timedelta = timedelta()) -> bool:
        """Add up the batches that wait, if one of them has waited for `age`; tells whether there were any."""
        found, folded = MOST_BATCHES, 0
        while found == MOST_BATCHES:
            async with self._engine.begin() as connection:
                ripe = folded or await batches_ripe(connection, age)
                if not (ripe and await try_lock(connection, FOLDING)):
                    break
                found = await fold_batches(connection)
            folded += found
        return folded > 0

    async def turn(self, now: datetime, *, hourly: bool) -> None:
        """Do what is due at `now`, aware UTC."""
        await self._locked(lambda connection: fold_closed(connection, now))
        await self._locked(lambda connection: cover(connection, now))
        await self._locked(fold_settlements)
        if hourly:
            today = now.date()
            await ensure_partitions(self._engine, today, today + timedelta(days=DAYS_AHEAD))
            await self._locked(lambda connection: forget_covered(connection, now))
            await self._locked(
                lambda connection: delete_old_rollups(connection, now - self._rollup_retention)
            )
            await self._locked(lambda connection: forget_days(connection, today - _NAMES_KEPT))
            await self._locked(lambda connection: forget_jobs(connection, now - self._retention))
            await self._locked(lambda connection: forget_parts(connection, now))
            await self._locked(lambda connection: _ask_for_prices(connection, now))
            await drop_partitions(self._engine, before=(now - self._retention).date())

    async def _locked(self, work: Callable[[Connection], Awaitable[None]]) -> None:
        async with self._engine.begin() as connection:
            if await try_lock(connection, UPKEEP):
                await work(connection)


async def _ask_for_prices(connection: Connection, now: datetime) -> None:
    """Have calls without a price priced once by every table of prices that is installed."""
    parameters = {"table": table_name()}
    for project_id in await projects_to_price(connection, PRICE, table_name()):
        job = Job(job_id=uuid4(), kind=PRICE, state="queued", parameters=parameters, created_at=now)
        await add_job(connection, project_id, job)
