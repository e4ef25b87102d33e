"""Evaluating alert rules, beside the queue jobs: a backlog must not keep an alert from firing."""

from __future__ import annotations

from redis.asyncio import Redis

from app.alerting.evaluation import Evaluation
from app.storage.engine import Engine
from app.supervision import Tasks
from monitoring.clock import now_utc

__all__ = ["Alerting"]

_TICK_SECONDS = 5


class Alerting:
    """Evaluates the alert rules of one database; of many workers one at a time does so."""

    def __init__(self, engine: Engine, redis: Redis) -> None:
        self._evaluation = Evaluation(engine, redis)

    async def run(self, tasks: Tasks) -> None:
        """Repeat until cancelled. What a turn leaves undone is due at the next one."""

        async def turn() -> None:
            await self._evaluation.turn(now_utc())

        await tasks.repeat("alerts", turn, _TICK_SECONDS)
