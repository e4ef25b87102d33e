"""The free room on the disk of the servers, if that disk belongs to this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # a process that only measures a folder starts sooner without it
    from redis.asyncio import Redis

__all__ = ["RESERVE_BYTES", "Disk", "free_bytes"]

_MIB: Final = 1024 * 1024
RESERVE_BYTES: Final = 64 * _MIB
"""Room that is reserved for the embedded servers, for the case that nothing else is left."""

# PostgreSQL may need several segments of its log at once, of 16 MiB each. Other programs' logs and
# caches need some too.
_ADMITTED_BYTES: Final = 128 * _MIB
# Redis may write its content once more, as a smaller file, and Postgres once, as rows.
_COPIES: Final = 2
# Less than the reserve, so that the freed reserve serves readers and is not used up by storing.
_STORED_BYTES: Final = 48 * _MIB


def free_bytes(folder: str | os.PathLike[str]) -> int:
    """Return the bytes that an unprivileged process may still write in `folder`; raises OSError."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


class Disk:
    """Knows the room on the disk of a Redis behind a Unix socket, which is on this machine.

    Nothing is known of any other Redis: `free` is None then and nothing is refused. `measure`
    returns the free bytes of a folder.
    """

    def __init__(self, redis: Redis, measure: Callable[[str], int] = free_bytes) -> None:
        self._redis = redis
        self.measure = measure
        self._folder: str | None = None
        self.free: int | None = None
        self.held = 0

    @property
    def admits(self) -> bool:
        """Whether new records may be accepted.

        Twice the memory of Redis, `held`, and 128 MiB must be free.
        """
        return self.free is None or self.free >= _ADMITTED_BYTES + _COPIES * self.held

    @property
    def stores(self) -> bool:
        """Whether queued records may be written to Postgres.

        That takes more room before Redis frees any.
        """
        return self.free is None or self.free >= _STORED_BYTES

    def take(self, size: int) -> None:
        """Subtract the room for `size` bytes that will be written, until the next measurement."""
        if self.free is not None:
            self.free -= _COPIES * size

    async def look(self) -> None:
        """Measure the room. While Redis is away, the folder that it named before is measured."""
        if self._folder is None:
            self._folder = await self._ask_folder()
        try:
            self.free = self.measure(self._folder) if self._folder else None
        except OSError:  # a container may share the socket but not the files
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
