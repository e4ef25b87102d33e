"""Reading of large bodies in threads beside the event loop, each project in its turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from app.fair_threads import FairThreads

__all__ = ["BodyThreads"]

_T = TypeVar("_T")

# Exporters send less at once. Reading more may take a second, so it waits for a thread of its own.
_LONG_BYTES: Final = 2 * 1024 * 1024


class BodyThreads:
    """Two threads for all bodies, one of them for long bodies.

    More threads would wait for the interpreter.
    """

    def __init__(self) -> None:
        self._brief = FairThreads("body", threads=1)
        self._lengthy = FairThreads("body-long", threads=1)

    def close(self) -> None:
        """Read no more bodies."""
        self._brief.close()
        self._lengthy.close()

    async def read(self, project_id: str, content: bytes, work: Callable[[], _T]) -> _T:
        """Return the result of `work` on a body.

        A body whose sender leaves before its turn is not read.
        """
        threads = self._brief if len(content) <= _LONG_BYTES else self._lengthy
        return await threads.take(project_id, len(content), work)
