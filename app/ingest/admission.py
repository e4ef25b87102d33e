"""The gate that refuses records while there is still room to work off those already taken."""

from __future__ import annotations

import asyncio
import contextlib

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.queue import EVALUATE_QUEUE, queued_jobs

__all__ = ["Admission"]

# arq writes a key to claim a job, so a Redis at maxmemory would never drain: stop well before.
MEMORY_SHARE = 0.6
_REFRESH_SECONDS = 0.5
_RETRY_SECONDS = 5
_MAX_RECORDS_PER_JOB = 256


class Admission:
    """Knows, within half a second, how much more the queue may take in bytes and in records."""

    def __init__(self, redis: Redis, *, max_records: int) -> None:
        self._redis = redis
        self._max_records = max_records
        self._bytes_left: float = float("inf")
        self._records_left = max_records

    def admit(self, *, records: int, size: int) -> None:
        """Reserve room for `records` of `size` bytes in all; raises Unavailable with Retry-After."""
        if records > self._records_left:
            raise Unavailable(
                f"The queue holds its limit of {self._max_records} records; nothing was taken, "
                "send it again later or add workers.",
                retry_after=_RETRY_SECONDS,
            )
        if size > self._bytes_left:
            raise Unavailable(
                "The queue has used the memory it may use; nothing was taken, "
                "send it again later, add workers or give Redis more memory.",
                retry_after=_RETRY_SECONDS,
            )
        self._records_left -= records
        self._bytes_left -= size

    async def refresh(self) -> None:
        """Read Redis' memory and the length of the queue; raises redis errors."""
        memory = await self._redis.info("memory")
        limit = int(memory.get("maxmemory", 0))
        self._bytes_left = limit * MEMORY_SHARE - int(memory["used_memory"]) if limit else float("inf")
        at_most = await self._redis.zcard(EVALUATE_QUEUE) * _MAX_RECORDS_PER_JOB
        if at_most >= self._max_records:
            at_most = sum(job.records for job in await queued_jobs(self._redis))
        self._records_left = self._max_records - at_most

    async def run(self) -> None:
        """Keep the figures fresh until cancelled; while Redis is away the commit itself refuses."""
        while True:
            with contextlib.suppress(RedisError, OSError):
                await self.refresh()
            await asyncio.sleep(_REFRESH_SECONDS)
