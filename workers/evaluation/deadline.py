"""The deadlines of one attempt at a queue job: one for its scoring, and one for the whole."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from typing import Any

from app.schemas.projects import ProjectSettings
from app.schemas.queued import Envelope
from app.schemas.traces import Trace
from monitoring.spending.own_prices import OwnPrices
from workers.scoring import Scoring, Unscorable

__all__ = ["ATTEMPT_SECONDS", "OverdueError", "ScoringThread", "within"]

logger = logging.getLogger(__name__)

# Only slow scoring is the fault of a record. Any other delay is the fault of Postgres or Redis.
ATTEMPT_SECONDS = 14
DEADLINE_SECONDS = 10
_SLICES = 10
# A process that has a core to itself computes for nearly all of the time. With more than two
# processes to a core it cannot reach this share.
_BUSY = 0.5


class OverdueError(Exception):
    """Scoring took longer than the deadline.

    `busy` tells that this process computed for most of that time. If it did not, perhaps it had no
    processor, so that another attempt can succeed.
    """

    def __init__(self, *, busy: bool) -> None:
        super().__init__(f"not scored within {DEADLINE_SECONDS} s")
        self.busy = busy


class ScoringThread:
    """Scores one job after the other in the one thread of `executor`, each within the deadline.

    `note` is called with the name of each job when its scoring begins, and with an empty text when
    no job is scored any more.
    """

    def __init__(self, executor: Executor, scoring: Scoring, note: Callable[[str], None]) -> None:
        self._executor = executor
        self._scoring = scoring
        self._note = note
        self._idle = asyncio.Semaphore(1)

    async def score(
        self,
        job_id: str,
        envelopes: Sequence[Envelope],
        settings: ProjectSettings,
        prices: OwnPrices | None = None,
    ) -> list[Trace | Unscorable]:
        """Score the records of a job; raises OverdueError after the deadline."""
        # The deadline starts when the thread is free, so that waiting behind a slow job costs no
        # time.
        await self._idle.acquire()
        self._note(job_id)
        computed = time.process_time()
        scoring = asyncio.get_running_loop().run_in_executor(
            self._executor, self._scoring.score, envelopes, job_id, settings, prices
        )
        scoring.add_done_callback(lambda _: self._rest())
        if await _ended(scoring, DEADLINE_SECONDS):
            return scoring.result()
        raise OverdueError(busy=time.process_time() - computed > DEADLINE_SECONDS * _BUSY)

    def _rest(self) -> None:
        self._note("")
        self._idle.release()


async def within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Await `work` for at most `seconds`; raises TimeoutError without awaiting its end.

    A driver whose server hangs may not end when it is cancelled. If it still writes something, the
    settlement makes sure that this counts once.
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
    """Wait for `work`, at most `seconds`, and tell whether it ended.

    The wait is made of slices. If this process was halted for a while, because its machine was
    moved or slept, that time counts as one slice, and no record is blamed for it.
    """
    for _ in range(_SLICES):
        if (await asyncio.wait([work], timeout=seconds / _SLICES))[0]:
            return True
    return False


def _forget(task: asyncio.Future[None]) -> None:
    """Read how an abandoned attempt ended, so that asyncio does not report an unread error."""
    if not task.cancelled() and (error := task.exception()):
        logger.warning("an attempt ended with %s after it had been given up", type(error).__name__)
