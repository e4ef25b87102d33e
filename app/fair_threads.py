"""FairThreads of several projects at a few threads: the next piece of work is of the project that has been served least."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar

__all__ = ["FairThreads"]

T = TypeVar("T")


class _Piece(NamedTuple):
    """Work that waits, where it stands, and what hears when it has begun in a thread."""

    place: float
    work: Callable[[], Any]
    begun: asyncio.Future[Future[Any]]


class FairThreads:
    """Runs work in `threads` threads, of the projects that wait first that which has been served least.

    A piece's place is S = max(V, F): V is the place of what was begun last, F where the project's last piece ends, F = S +
    cost (as `app/queue/places.py` does it for jobs). Belongs to one event loop.
    """

    def __init__(self, name: str, *, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads = self._free = threads
        self._waiting: dict[str, deque[_Piece]] = {}
        self._ends: dict[str, float] = {}
        self._now = 0.0

    def close(self) -> None:
        """Take no more work."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def take(self, project_id: str, cost: float, work: Callable[[], T]) -> T:
        """Run `work` in a thread when it is the project's turn; `cost` is in any unit, the same for all.

        Cancelled while it waits, it never begins; what has begun runs to its end and keeps its thread so long.
        Raises what `work` raises.
        """
        place = max(self._now, self._ends.get(project_id, 0.0))
        self._ends[project_id] = place + cost
        piece = _Piece(place, work, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(project_id, deque()).append(piece)
        self._begin()
        running = await piece.begun
        return await asyncio.wrap_future(running)

    def _begin(self) -> None:
        while self._free and (project_id := self._next()) is not None:
            piece = self._waiting[project_id].popleft()
            if piece.begun.done():  # cancelled while it waited
                continue
            self._free -= 1
            self._now = max(self._now, piece.place)
            running = self._executor.submit(piece.work)
            running.add_done_callback(partial(self._tell, piece.begun.get_loop()))
            piece.begun.set_result(running)

    def _next(self) -> str | None:
        """Return the project whose first piece stands first; forget what those without any owe no more."""
        for project_id in [name for name, queue in self._waiting.items() if not queue]:
            del self._waiting[project_id]
            if self._ends[project_id] <= self._now:
                del self._ends[project_id]
        return min(self._waiting, key=lambda name: self._waiting[name][0].place, default=None)

    def _tell(self, loop: asyncio.AbstractEventLoop, _: Future[Any]) -> None:
        with suppress(RuntimeError):  # the loop has ended before the work
            loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._free += 1
        self._begin()
        if self._free == self._threads and not self._waiting:
            self._ends.clear()
            self._now = 0.0
