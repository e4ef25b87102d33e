"""What a process does again and again: turns with pauses between them, and tasks that never fail unseen."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from msgspec.structs import replace
from redis.exceptions import RedisError

from app.schemas.tasks import TaskState
from app.storage.engine import is_outage

__all__ = ["NEVER", "Tasks", "Turn", "in_background", "repeat"]

logger = logging.getLogger(__name__)

Turn = Callable[[], Awaitable[float | None]]
"""One turn of what is done again and again; it returns after how many seconds the next one is due, where that changes."""
NEVER: Final = math.inf
"""What a turn returns after which none is due."""

_Outcome = TypeVar("_Outcome")

_AGAIN_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 60.0
_LONGEST_RESTART_SECONDS = 5.0
_RESTART_SECONDS = 0.5
_SETTLED_SECONDS = 5.0
_MOST_DOUBLINGS = 10


async def repeat(
    turn: Turn,
    seconds: float,
    *,
    first_after: float | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Take turns, `seconds` apart or as far as a turn returns, until one returns NEVER, raises or is cancelled.

    The first turn is taken at once, or `first_after` so many seconds.
    """
    pause = first_after
    while pause != NEVER:
        if pause is not None:
            await sleep(pause)
        wanted = await turn()
        pause = seconds if wanted is None else wanted


@asynccontextmanager
async def in_background(*coroutines: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run coroutines for the length of the block and return when every one has ended.

    A cancellation can be lost inside redis-py, which polls its socket under a timeout of zero, and on
    Python 3.11 that timeout takes a cancellation of the same moment for its own. So they are cancelled
    until they end.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        pending = set(tasks)
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
        await asyncio.gather(*tasks, return_exceptions=True)


class _EndedError(Exception):
    """A task returned that should run until it is cancelled."""


class Tasks:
    """The background tasks of one process by name, and how each of them does.

    `clock` returns Unix seconds.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._states: dict[str, TaskState] = {}

    def states(self) -> tuple[TaskState, ...]:
        """Return the state of every task that was begun, in order of their beginning."""
        return tuple(self._states.values())

    async def repeat(
        self,
        name: str,
        turn: Turn,
        seconds: float,
        *,
        longest: float = _LONGEST_PAUSE_SECONDS,
        essential: bool = False,
    ) -> None:
        """Take turns as `repeat` does, each of which may fail.

        After failures the pause doubles up to `longest`, unless a server was away: it is needed the moment
        it is back.
        """
        self._states.setdefault(name, TaskState(name, essential=essential))

        async def attempt() -> float:
            wanted = await self.attempt(name, turn)
            return self._pause(name, seconds, wanted, longest)

        await repeat(attempt, seconds, sleep=self._sleep)

    async def keep(self, name: str, run: Callable[[], Awaitable[None]], *, essential: bool = False) -> None:
        """Restart what should run until cancelled; it counts as working when it has run for five seconds."""

        async def run_on() -> None:
            timer = asyncio.get_running_loop().call_later(_SETTLED_SECONDS, self._succeed, name)
            try:
                await run()
            finally:
                timer.cancel()
            raise _EndedError

        await self.repeat(
            name, run_on, _RESTART_SECONDS, longest=_LONGEST_RESTART_SECONDS, essential=essential
        )

    async def attempt(self, name: str, turn: Callable[[], Awaitable[_Outcome]]) -> _Outcome | None:
        """Take one turn and return what it returned; an error is logged and counted, and None returned."""
        try:
            outcome = await turn()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._fail(name, error)  # something that was waited for was cancelled, not this task
        except Exception as error:  # noqa: BLE001 it is counted and logged
            self._fail(name, error)
        else:
            self._succeed(name)
            return outcome
        return None

    def _pause(self, name: str, seconds: float, wanted: float | None, longest: float) -> float:
        state = self._states[name]
        if not state.failures:
            return seconds if wanted is None else wanted
        if state.outage:
            return seconds
        doublings = min(state.failures - 1, _MOST_DOUBLINGS)
        return min(seconds * 2.0**doublings, max(seconds, longest))

    def _succeed(self, name: str) -> None:
        before = self._states.get(name, TaskState(name))
        if before.failures:
            logger.info("the task %s works again after %d failures", name, before.failures)
        self._states[name] = replace(before, failures=0, outage=False, succeeded_at=self._clock())

    def _fail(self, name: str, error: BaseException) -> None:
        before = self._states.get(name, TaskState(name))
        state = replace(
            before,
            failures=before.failures + 1,
            failed=before.failed + 1,
            error=type(error).__name__,
            outage=is_outage(error) or isinstance(error, RedisError),
        )
        self._states[name] = state
        if state.outage:
            if state.failures == 1:
                logger.warning("the task %s waits for Postgres or Redis: %s", name, state.error)
        elif state.failures & (state.failures - 1) == 0:  # the first, second, fourth, eighth … in a row
            logger.error("the task %s failed, %d times in a row", name, state.failures, exc_info=error)
