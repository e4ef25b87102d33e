"""The evaluate task: one queue job in, its records scored and stored, and every failure sorted.

A try that ended without a word (the process died) is seen by its successor in a counter of our own; the job
is then halved until the culprit is alone. Trouble of Postgres or Redis counts as no try at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from app.errors import Unavailable
from app.queue import JobName
from app.queue.claims import Claims
from app.queue.loop import try_again
from app.schemas.dead_letters import DeadReason
from app.storage.engine import DATABASE_ERRORS, is_outage, is_refusal
from workers.evaluation.deadline import ATTEMPT_SECONDS, OverdueError, within
from workers.evaluation.isolation import Isolation
from workers.evaluation.processing import Processing

__all__ = ["Evaluation"]

logger = logging.getLogger(__name__)

_LAST_ATTEMPT = 3


class Evaluation:
    """Runs evaluate jobs with the resources of one worker process.

    `outage` is called when a server does not answer.
    """

    def __init__(
        self, claims: Claims, processing: Processing, isolation: Isolation, *, outage: Callable[[], None]
    ) -> None:
        self._claims = claims
        self._processing = processing
        self._isolation = isolation
        self._outage = outage

    async def evaluate(self, context: dict[str, Any], payload: bytes) -> None:
        """Score and store one job; returns normally whenever the job is done with, also by halving it.

        It leaves in no other way than that, by Retry or cancelled: at anything else arq drops the job.
        """
        name = JobName.parse(context["job_id"])
        try:
            await within(ATTEMPT_SECONDS, self._begin(name, payload))
        except asyncio.CancelledError:
            await asyncio.shield(self._claims.end(name))
            raise
        except Exception as error:
            blameless = _blames_server(error)
            if blameless:
                logger.warning("job %s waits for Postgres or Redis: %s", name, type(error).__name__)
                self._outage()
            else:
                logger.exception("job %s could not be settled and is tried again", name)
            await self._claims.end(name, forget=blameless)
            raise try_again() from error
        await self._claims.end(name)

    async def _begin(self, name: JobName, payload: bytes) -> None:
        number = await self._claims.begin(name)
        if number > 1 and await self._processing.resume(name, payload):
            return
        await self._attempt(name, payload, number)

    async def _attempt(self, name: JobName, payload: bytes, attempts: int) -> None:
        if attempts > 1 and (name.records > 1 or attempts > _LAST_ATTEMPT):
            detail = "a worker died while scoring it"
            await self._isolation.isolate(name, payload, attempts, DeadReason.PROCESS_DIED, detail)
            return
        try:
            if not await self._processing.process(name, payload):
                await self._isolation.halve(name, payload)
        except OverdueError as error:
            await self._isolation.isolate(name, payload, attempts, DeadReason.DEADLINE, str(error))
        except Exception as error:
            if _blames_server(error):
                raise
            logger.exception("job %s failed", name)
            await self._isolation.isolate(name, payload, attempts, type(error).__name__, str(error))


def _blames_server(error: Exception) -> bool:
    """Tell whether Postgres or Redis failed, so that waiting helps and no record is to blame."""
    database = isinstance(error, DATABASE_ERRORS) and not is_refusal(error)
    return database or is_outage(error) or isinstance(error, RedisError | Unavailable)
