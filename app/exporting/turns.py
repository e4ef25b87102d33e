"""Turns of exports: how many run at once, and how their readings give way to others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from app.errors import Overdue, Overloaded, Unavailable
from app.storage.engine import Connection, Engine, reading
from app.storage.readers import Readers

__all__ = ["Ask", "Exports", "asking"]

T = TypeVar("T")
Ask = Callable[[Callable[[Connection], Awaitable[T]]], Awaitable[T]]
"""Answers a question to the database in a turn of its own."""

_RETRY_SECONDS: Final = 5
_TRIES: Final = 12
_LONGEST_PAUSE: Final = 5.0


class Exports:
    """Lets at most `at_once` exports of this process run, and `of_project` of one project.

    An export waits `settle_seconds` for records that are about to be queued.
    """

    def __init__(self, *, at_once: int = 3, of_project: int = 1, settle_seconds: float = 1.0) -> None:
        self.settle_seconds = settle_seconds
        self._at_once = at_once
        self._of_project = of_project
        self._running: Counter[str] = Counter()

    @asynccontextmanager
    async def admit(self, project_id: str) -> AsyncIterator[None]:
        """Hold a place among the exports during the block; raises Overloaded if none is free."""
        if self._running[project_id] >= self._of_project:
            raise Overloaded(
                "Another export of this project runs; wait until it has ended.", retry_after=_RETRY_SECONDS
            )
        if self._running.total() >= self._at_once:
            raise Overloaded(
                f"{self._at_once} exports of other projects run; ask again shortly.",
                retry_after=_RETRY_SECONDS,
            )
        self._running[project_id] += 1
        try:
            yield
        finally:
            self._running[project_id] -= 1
            self._running += Counter()  # forgets projects without exports


def asking(engine: Engine, readers: Readers, project_id: str) -> Ask[T]:
    """Return a function that reads in the project's turn.

    It holds no connection between its readings. When others read, or Postgres is away for a moment,
    it tries again for about a minute, and then raises Overloaded or Unavailable.
    """

    async def ask(question: Callable[[Connection], Awaitable[T]]) -> T:
        pause = 0.25
        for left in reversed(range(_TRIES)):
            try:
                async with readers.admit(project_id), reading(engine) as connection:
                    return await question(connection)
            except (Overloaded, Unavailable) as error:
                if not left or isinstance(error, Overdue):
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise AssertionError("unreachable")

    return ask
