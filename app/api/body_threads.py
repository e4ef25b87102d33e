"""Reading large bodies beside the event loop, each project in its turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from app.fair_threads import FairThreads

__all__ = ["BodyThreads"]

_T = TypeVar("_T")

# More than exporters send at once; a thread may take a second for it, so that it waits for one of its own.
_LONG_BYTES: Final = 2 * 1024 * 1024


class BodyThreads:
    """Two threads for all bodies, one of them for long ones: more would only wait for the interpreter."""

    def __init__(self) -> None:
        self._brief = FairThreads("body", threads=1)
        self._lengthy = FairThreads("body-long", threads=1)

    def close(self) -> None:
        """Read no more bodies."""
        self._brief.close()
        self._lengthy.close()

    async def read(self, project_id: str, content: bytes, work: Callable[[], _T]) -> _T:
        """Return what `work` makes of a body; it is left unread when its sender leaves before its turn."""
        threads = self._brief if len(content) <= _LONG_BYTES else self._lengthy
        return await threads.take(project_id, len(content), work)
