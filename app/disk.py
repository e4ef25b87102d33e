"""How much room is left on the disk where the servers write, where that disk is one of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # who only measures a folder starts sooner without it
    from redis.asyncio import Redis

__all__ = ["RESERVE_BYTES", "Disk", "free_bytes"]

_MIB: Final = 1024 * 1024
RESERVE_BYTES: Final = 64 * _MIB
"""Room that the embedded servers keep for themselves, and get when nothing else is left."""

# PostgreSQL may need a few segments of 16 MiB of its log at once, and everybody else's logs and caches some.
_ADMITTED_BYTES: Final = 128 * _MIB
# What Redis holds may be written once more by it, as a smaller file, and once by Postgres, as rows.
_COPIES: Final = 2
# Below the reserve, so that what it gives serves readers and is not used up by storing.
_STORED_BYTES: Final = 48 * _MIB


def free_bytes(folder: str | os.PathLike[str]) -> int:
    """Return the bytes that a process without privileges may still write in `folder`; raises OSError."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


class Disk:
    """Knows the room on the disk of a Redis that is reached by a Unix socket, and so is on this machine.

    Of any other Redis nothing is known; `free` is None then and nothing is refused. `measure` returns the free
    bytes of a folder.
    """

    def __init__(self, redis: Redis, measure: Callable[[str], int] = free_bytes) -> None:
        self._redis = redis
        self.measure = measure
        self._folder: str | None = None
        self.free: int | None = None
        self.held = 0

    @property
    def admits(self) -> bool:
        """Whether new records may be taken: twice of what Redis has in memory, `held`, must fit, and 128 MiB."""
        return self.free is None or self.free >= _ADMITTED_BYTES + _COPIES * self.held

    @property
    def stores(self) -> bool:
        """Whether queued records may be written to Postgres, which takes more room before Redis gives any back."""
        return self.free is None or self.free >= _STORED_BYTES

    def take(self, size: int) -> None:
        """Reckon with `size` bytes that are about to be written, until the next look."""
        if self.free is not None:
            self.free -= _COPIES * size

    async def look(self) -> None:
        """Measure the room; while Redis is away the folder that it named before counts."""
        if self._folder is None:
            self._folder = await self._ask_folder()
        try:
            self.free = self.measure(self._folder) if self._folder else None
        except OSError:  # a container may share the socket and not the files
            self.free = None

    async def _ask_folder(self) -> str | None:
        from redis.exceptions import RedisError

        if "path" not in self._redis.connection_pool.connection_kwargs:
            return None
        try:
            found = (await self._redis.config_get("dir")).get("dir")
        except (RedisError, OSError):
            return None
        return found.decode() if isinstance(found, bytes) else found
