"""One reading for many browsers: whoever asks within a moment of another gets the same answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Shared"]

Value = TypeVar("Value")


class Shared(Generic[Value]):
    """Answers by key that stay good for `seconds`; a question that is being answered is not asked again.

    An answer ages from the moment of its question, because what happened since is not in it. Caches of others
    let it age from the moment it came (async_lru), or ask again while a slow answer is on its way (cachetools).
    An answer that failed is not kept: the next one to ask tries again.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._answers: dict[Hashable, tuple[float, asyncio.Task[Value]]] = {}

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[Value]]) -> Value:
        """Return the answer of this key; raises whatever asking raised."""
        now = self._clock()
        self._answers = {
            known: (begun, task)
            for known, (begun, task) in self._answers.items()
            if not task.done() or (now - begun < self._seconds and not _failed(task))
        }
        if key not in self._answers:
            self._answers[key] = (now, asyncio.ensure_future(_await(ask)))
        return await asyncio.shield(self._answers[key][1])


async def _await(ask: Callable[[], Awaitable[Value]]) -> Value:
    return await ask()


def _failed(task: asyncio.Task[Value]) -> bool:
    return task.cancelled() or task.exception() is not None
