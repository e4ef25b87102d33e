"""Looking for records that vanished: what lost its place in the queue is put back, what is gone is named."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from redis.asyncio import Redis

from app.queue import requeue_unlisted
from app.reports.pipeline import read_pipeline
from app.storage.engine import Engine
from app.supervision import Tasks

__all__ = ["Reconciling"]

logger = logging.getLogger(__name__)

_TICK_SECONDS = 10
_TURN_KEY = "llm-monitor:reconciling"
_TURN_MS = 25_000


class Reconciling:
    """Compares what was accepted with what became of it, again and again.

    A difference counts when two readings in a row show it: in one, a record may be between two places. Of
    all workers one reads, named `worker`, until it dies.
    """

    def __init__(self, engine: Engine, redis: Redis, worker: str) -> None:
        self._engine = engine
        self._redis = redis
        self._worker = worker.encode()
        self._missing: dict[str, int] = {}

    async def run(self, tasks: Tasks) -> None:
        """Repeat until cancelled; from a turn that failed nothing is concluded."""

        async def check() -> None:
            try:
                if await self._is_my_turn():
                    await self.turn(datetime.now(UTC))
            except Exception:
                self._missing = {}
                raise

        await tasks.repeat("reconciling", check, _TICK_SECONDS)

    async def _is_my_turn(self) -> bool:
        if await self._redis.set(_TURN_KEY, self._worker, nx=True, px=_TURN_MS):
            return True
        mine: bool = await self._redis.get(_TURN_KEY) == self._worker
        if mine:
            await self._redis.pexpire(_TURN_KEY, _TURN_MS)
        return mine

    async def turn(self, now: datetime) -> dict[str, int]:
        """Check once; returns the records per project that are missing now and were at the last turn."""
        async with self._engine.connect() as connection:
            report = await read_pipeline(connection, self._redis, now)
        before = self._missing
        self._missing = {each.project_id: each.unaccounted for each in report.projects if each.unaccounted}
        lost = {name: min(count, before.get(name, 0)) for name, count in self._missing.items()}
        lost = {name: count for name, count in lost.items() if count}
        if lost and (found := await requeue_unlisted(self._redis)):
            logger.warning("%d jobs were in Redis and not in the queue; they are queued again", found)
            self._missing = {}
            return {}
        for name, count in lost.items():
            logger.error(
                "%d accepted records of project %s are nowhere: keys were deleted in Redis", count, name
            )
        return lost
