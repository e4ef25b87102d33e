"""Whose turn it is to read: one project's readers leave connections to those of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import Overdue, Overloaded

__all__ = ["Readers"]

_RETRY_SECONDS = 2


class Readers:
    """Lets at most `at_once` readers of each project read at the same time, and at most `waiting` more wait.

    One waits for at most `wait_seconds`, and reads for at most `turn_seconds`.
    """

    def __init__(
        self,
        *,
        at_once: int = 2,
        waiting: int = 24,
        wait_seconds: float = 5.0,
        turn_seconds: float = 60.0,
    ) -> None:
        self._at_once = at_once
        self._most = at_once + waiting
        self._wait_seconds = wait_seconds
        self._turn_seconds = turn_seconds
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def admit(self, project_id: str) -> AsyncIterator[None]:
        """Hold a turn of a project for the length of the block.

        Raises Overloaded when too many wait or the wait takes too long, and Overdue when the block does.
        """
        line = self._lines.setdefault(project_id, _Line(self._at_once))
        if line.readers >= self._most:
            raise self._crowded()
        line.readers += 1
        try:
            await self._wait(line)
            try:
                async with self._turn():
                    yield
            finally:
                line.free.release()
        finally:
            line.readers -= 1
            if not line.readers:
                del self._lines[project_id]

    async def _wait(self, line: _Line) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await line.free.acquire()
        except TimeoutError as error:
            raise self._crowded() from error

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._turn_seconds) as limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Overdue(
                "Reading this takes too long and was ended; ask for a shorter period.",
                retry_after=_RETRY_SECONDS,
            ) from error

    def _crowded(self) -> Overloaded:
        return Overloaded(
            f"This project reads {self._at_once} answers at the same time and others wait already; ask again shortly, "
            "and for less at once.",
            retry_after=_RETRY_SECONDS,
        )


class _Line:
    """The readers of one project: how many there are, and the turns that are free."""

    def __init__(self, at_once: int) -> None:
        self.readers = 0
        self.free = asyncio.Semaphore(at_once)
