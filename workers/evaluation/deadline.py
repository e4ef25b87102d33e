"""How long an attempt at a job may take as a whole, and how long its scoring may take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from typing import Any

from app.schemas.projects import ProjectSettings
from app.schemas.queued import Envelope
from app.schemas.traces import Trace
from workers.scoring import Scoring, Unscorable

__all__ = ["ATTEMPT_SECONDS", "OverdueError", "ScoringThread", "within"]

logger = logging.getLogger(__name__)

# A record is to blame for long scoring alone, whatever else takes long is trouble of Postgres or Redis.
ATTEMPT_SECONDS = 14
DEADLINE_SECONDS = 10
_SLICES = 10


class OverdueError(Exception):
    """Scoring took longer than the deadline."""


class ScoringThread:
    """Scores one job after the other in the one thread of `executor`, each within the deadline.

    `note` is told the name of the job that is scored from now on, and an empty text when none is.
    """

    def __init__(self, executor: Executor, scoring: Scoring, note: Callable[[str], None]) -> None:
        self._executor = executor
        self._scoring = scoring
        self._note = note
        self._idle = asyncio.Semaphore(1)

    async def score(
        self, job_id: str, envelopes: Sequence[Envelope], settings: ProjectSettings
    ) -> list[Trace | Unscorable]:
        """Score the records of a job; raises OverdueError where that takes longer than the deadline."""
        # The deadline runs from the moment the thread is free: who waits behind a slow job is not slow.
        await self._idle.acquire()
        self._note(job_id)
        scoring = asyncio.get_running_loop().run_in_executor(
            self._executor, self._scoring.score, envelopes, job_id, settings
        )
        scoring.add_done_callback(lambda _: self._rest())
        if await _ended(scoring, DEADLINE_SECONDS):
            return scoring.result()
        raise OverdueError(f"not scored within {DEADLINE_SECONDS} s")

    def _rest(self) -> None:
        self._note("")
        self._idle.release()


async def within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Await `work` for at most `seconds`; raises TimeoutError then, without waiting for its cancellation.

    A driver whose server hangs may not end when it is cancelled, and what it still writes is settled once.
    """
    task = asyncio.ensure_future(work)
    try:
        if not await _ended(task, seconds):
            raise TimeoutError
        task.result()
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)


async def _ended(work: asyncio.Future[Any], seconds: float) -> bool:
    """Wait for `work`, at most `seconds`; a time in which this process was halted counts as one slice.

    Nobody is blamed for a virtual machine that was moved or a laptop that slept.
    """
    for _ in range(_SLICES):
        if (await asyncio.wait([work], timeout=seconds / _SLICES))[0]:
            return True
    return False


def _forget(task: asyncio.Future[None]) -> None:
    """Take note of how an abandoned attempt ended, so that asyncio does not report it as overlooked."""
    if not task.cancelled() and (error := task.exception()):
        logger.warning("an attempt that had been given up ended with %s", type(error).__name__)
