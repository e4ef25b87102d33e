"""The gate that refuses records while there is still room to work off those already taken."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.disk import Disk
from app.errors import MonitorError, Overloaded, StorageFull, Unavailable
from app.ingest.group_commit import JOB_RECORDS
from app.queue import EVALUATE_QUEUE, listed_jobs, oldest_enqueued_ms
from app.schemas.projects import BacklogLimits

__all__ = ["MEMORY_SHARE", "Admission"]

# arq writes a key to claim a job, so a Redis at maxmemory would never drain: stop well before.
MEMORY_SHARE = 0.6
_REFRESH_SECONDS = 0.5
# A long queue is listed so rarely that it takes a twentieth of the time.
_LISTING_SHARE = 20
_LONGEST_REFRESH_SECONDS = 5.0
_RETRY_SECONDS = 5
# A disk is made room on by people, or by upkeep once a minute.
_FULL_DISK_RETRY_SECONDS = 30
_MIB = 1024 * 1024


@dataclass
class _Backlog:
    """What waits: records, bytes, and since when in Unix milliseconds."""

    records: int = 0
    size: int = 0
    since_ms: float = float("inf")


class Admission:
    """Knows, within half a second, how much more the queue may take, of all and of each project.

    `limits` tells the projects that have limits of their own; `clock` returns Unix milliseconds.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        max_records: int,
        max_age_seconds: int,
        limits: Callable[[], Mapping[str, BacklogLimits]],
        clock: Callable[[], int],
    ) -> None:
        self._redis = redis
        self.disk = Disk(redis)
        self._max_records = max_records
        self._max_age_seconds = max_age_seconds
        self._limits = limits
        self._clock = clock
        self._bytes_left: float = float("inf")
        self._records_left = max_records
        self._since_ms: float = float("inf")
        self._of_project: defaultdict[str, _Backlog] = defaultdict(_Backlog)

    def check(self, project_id: str, *, records: int, size: int = 0) -> None:
        """Raise what `admit` would, and reserve nothing."""
        if not records:
            return
        if not self.disk.admits:
            raise _full_disk(self.disk)
        if limits := self._limits().get(project_id):
            self._check_project(limits, self._of_project[project_id], records, size)
        if records > self._records_left:
            raise _refusal(f"The queue holds its limit of {self._max_records} records")
        if size > max(self._bytes_left, 0) or self._bytes_left <= 0:
            raise _refusal(
                "The queue has used the memory it may use", "add workers or give Redis more memory"
            )
        if self._age(self._since_ms) > self._max_age_seconds:
            raise _refusal(f"The oldest record has waited for more than {self._max_age_seconds} s")

    def admit(self, project_id: str, *, records: int, size: int) -> None:
        """Reserve room for `records` of `size` bytes in all.

        Raises Unavailable where the queue is full, StorageFull where the disk is, Overloaded where the project
        has its share of the queue, all with Retry-After.
        """
        self.check(project_id, records=records, size=size)
        self._records_left -= records
        self._bytes_left -= size
        self.disk.take(size)
        waiting = self._of_project[project_id]
        waiting.records += records
        waiting.size += size

    def _check_project(self, limits: BacklogLimits, waiting: _Backlog, records: int, size: int) -> None:
        reached = (
            (limits.records, waiting.records + records, "records"),
            (limits.bytes, waiting.size + size, "bytes"),
            (limits.age_seconds, self._age(waiting.since_ms), "seconds of age"),
        )
        for limit, found, unit in reached:
            if limit is not None and found > limit:
                raise Overloaded(
                    f"What waits of this project has reached its limit of {limit} {unit}; nothing was taken, "
                    "send it again later or raise the limit.",
                    retry_after=_RETRY_SECONDS,
                )

    def _age(self, since_ms: float) -> float:
        return (self._clock() - since_ms) / 1000

    async def refresh(self) -> None:
        """Read the room on the disk, Redis' memory and the length of the queue; raises redis errors."""
        await self.disk.look()
        memory = await self._redis.info("memory")
        self.disk.held = int(memory["used_memory"])
        # A Redis without a limit of its own ends where the memory of its machine does.
        limit = int(memory.get("maxmemory", 0)) or int(memory.get("total_system_memory", 0))
        self._bytes_left = limit * MEMORY_SHARE - int(memory["used_memory"]) if limit else float("inf")
        oldest = await oldest_enqueued_ms(self._redis)
        self._since_ms = float("inf") if oldest is None else oldest
        at_most = await self._redis.zcard(EVALUATE_QUEUE) * JOB_RECORDS
        if self._limits() or at_most >= self._max_records:
            at_most = await self._list()
        else:
            self._of_project.clear()
        self._records_left = self._max_records - at_most

    async def _list(self) -> int:
        """Add up what waits of each project; returns the records of all."""
        waiting: defaultdict[str, _Backlog] = defaultdict(_Backlog)
        for job in await listed_jobs(self._redis):
            backlog = waiting[job.name.project_id]
            backlog.records += job.name.records
            backlog.size += job.name.size
            backlog.since_ms = min(backlog.since_ms, job.enqueued_ms)
        self._of_project = waiting
        return sum(backlog.records for backlog in waiting.values())

    async def run(self) -> None:
        """Keep the figures fresh until cancelled; while Redis is away the commit itself refuses."""
        while True:
            begun = time.monotonic()
            with contextlib.suppress(RedisError, OSError):
                await self.refresh()
            rest = _LISTING_SHARE * (time.monotonic() - begun)
            await asyncio.sleep(min(max(_REFRESH_SECONDS, rest), _LONGEST_REFRESH_SECONDS))


def _full_disk(disk: Disk) -> MonitorError:
    left = (disk.free or 0) // _MIB
    return StorageFull(
        f"The disk of the servers has {left} MiB left, too little for more; nothing was taken. What is stored can "
        "be read. Make room there, and send it again later.",
        retry_after=_FULL_DISK_RETRY_SECONDS,
    )


def _refusal(why: str, advice: str = "add workers") -> MonitorError:
    return Unavailable(
        f"{why}; nothing was taken, send it again later, or {advice}.", retry_after=_RETRY_SECONDS
    )
