"""The gate that refuses records while there is still room to work off those already taken."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from redis.asyncio import Redis

from app.disk import Disk
from app.errors import MonitorError, Overloaded, StorageFull, Unavailable
from app.ingest.group_commit import JOB_RECORDS
from app.queue import EVALUATE_QUEUE, listed_jobs
from app.schemas.projects import BacklogLimits
from app.supervision import Tasks

__all__ = ["ID_BYTES", "MEMORY_SHARE", "Admission"]

# arq writes a key to claim a job, so a Redis at maxmemory would never drain: stop well before.
MEMORY_SHARE = 0.6
# What Redis needs for one remembered id with its expiry, rounded up: 125 bytes measured on 2026-11-29.
ID_BYTES = 128
_REFRESH_SECONDS = 0.5
# The age of what waits is looked at so often where nothing else asks for a look at every job.
_LISTING_SECONDS = 5.0
# A long queue is listed so rarely that it takes a twentieth of the time.
_LISTING_SHARE = 20
_LONGEST_REFRESH_SECONDS = 5.0
_RETRY_SECONDS = 5
# A disk is made room on by people, or by upkeep once a minute.
_FULL_DISK_RETRY_SECONDS = 30
_MIB = 1024 * 1024


@dataclass
class _Backlog:
    """What a project has in Redis: records and bytes that wait, since when in Unix milliseconds, and ids."""

    records: int = 0
    size: int = 0
    since_ms: float = float("inf")
    ids: int = 0

    @property
    def memory(self) -> int:
        return self.size + self.ids * ID_BYTES


class Admission:
    """Knows, within half a second, how much more the queue may take, of all and of each project.

    Where there are several projects, one may have no more in Redis than is still free there for all: a single one fills
    half, two fill a third each, and there is always room for the next (dynamic thresholds, Choudhury and
    Hahne, 1998). `limits` tells the projects that have limits of their own, `shared` whether there are several,
    `count_ids` how many ids are remembered for each; `clock` returns Unix milliseconds.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        max_records: int,
        max_age_seconds: int,
        limits: Callable[[], Mapping[str, BacklogLimits]],
        shared: Callable[[], bool],
        count_ids: Callable[[], Awaitable[Mapping[str, int]]],
        clock: Callable[[], int],
    ) -> None:
        self._redis = redis
        self.disk = Disk(redis)
        self._max_records = max_records
        self._max_age_seconds = max_age_seconds
        self._limits = limits
        self._shared = shared
        self._count_ids = count_ids
        self._clock = clock
        self._bytes_left: float = float("inf")
        self._records_left = max_records
        self._listed_at = float("-inf")
        self._of_project: defaultdict[str, _Backlog] = defaultdict(_Backlog)

    def check(self, project_id: str, *, records: int, size: int = 0, ids: int = 0) -> None:
        """Raise what `admit` would, and reserve nothing."""
        if not records:
            return
        if not self.disk.admits:
            raise _full_disk(self.disk)
        waiting = self._of_project[project_id]
        if limits := self._limits().get(project_id):
            self._check_project(limits, waiting, records, size)
        if records > self._records_left:
            raise _refusal(f"The queue holds its limit of {self._max_records} records")
        memory = size + ids * ID_BYTES
        if memory > max(self._bytes_left, 0) or self._bytes_left <= 0:
            raise _refusal(
                "The queue has used the memory it may use", "add workers or give Redis more memory"
            )
        if self._age(waiting.since_ms) > self._max_age_seconds:
            raise _refusal(f"The oldest record has waited for more than {self._max_age_seconds} s")
        if self._shared():
            self._check_share(waiting, records, memory)

    def admit(self, project_id: str, *, records: int, size: int, ids: int = 0) -> None:
        """Reserve room for `records` of `size` bytes in all, and for so many ids of theirs.

        Raises Unavailable where the queue is full, StorageFull where the disk is, Overloaded where the project
        has its share of the queue, all with Retry-After.
        """
        self.check(project_id, records=records, size=size, ids=ids)
        self._records_left -= records
        self._bytes_left -= size + ids * ID_BYTES
        self.disk.take(size)
        waiting = self._of_project[project_id]
        waiting.records += records
        waiting.size += size
        waiting.ids += ids

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

    def _check_share(self, waiting: _Backlog, records: int, memory: int) -> None:
        if waiting.records + records > self._records_left:
            raise _shared_out("records wait", "send it again later or add workers")
        if waiting.memory + memory > self._bytes_left:
            advice = "send it again later, add workers, or give Redis more memory"
            if waiting.ids * ID_BYTES > waiting.size:
                advice = "send fewer records with ids of their own, or lower LLM_MONITOR_IDEMPOTENCY_HOURS"
            raise _shared_out("records and ids fill memory", advice)

    def _age(self, since_ms: float) -> float:
        return (self._clock() - since_ms) / 1000

    async def refresh(self, *, closely: bool = True) -> None:
        """Read the room on the disk, Redis' memory and the length of the queue; raises redis errors.

        Every job's name is read closely, or where the queue is more than half full.
        """
        await self.disk.look()
        memory = await self._redis.info("memory")
        self.disk.held = int(memory["used_memory"])
        # A Redis without a limit of its own ends where the memory of its machine does.
        limit = int(memory.get("maxmemory", 0)) or int(memory.get("total_system_memory", 0))
        used = int(memory["used_memory"])
        self._bytes_left = limit * MEMORY_SHARE - used if limit else float("inf")
        at_most = await self._redis.zcard(EVALUATE_QUEUE) * JOB_RECORDS
        if closely or used > self._bytes_left or 2 * at_most >= self._max_records:
            at_most = await self._list()
        self._records_left = self._max_records - at_most

    async def _list(self) -> int:
        """Add up what Redis holds of each project; returns the records of all that wait."""
        held: defaultdict[str, _Backlog] = defaultdict(_Backlog)
        async for job in listed_jobs(self._redis):
            backlog = held[job.name.project_id]
            backlog.records += job.name.records
            backlog.size += job.name.size
            backlog.since_ms = min(backlog.since_ms, job.enqueued_ms or float("inf"))
        for project_id, ids in (await self._count_ids()).items():
            held[project_id].ids = ids
        self._of_project = held
        self._listed_at = time.monotonic()
        return sum(backlog.records for backlog in held.values())

    async def run(self, tasks: Tasks) -> None:
        """Keep the figures fresh until cancelled; while Redis is away the commit itself refuses."""
        await tasks.repeat(
            "admission", self._turn, _REFRESH_SECONDS, longest=_LONGEST_REFRESH_SECONDS, essential=True
        )

    async def _turn(self) -> float:
        """Refresh; returns after how many seconds to do so again."""
        begun = time.monotonic()
        await self.refresh(closely=bool(self._limits()) or begun - self._listed_at >= _LISTING_SECONDS)
        rest = _LISTING_SHARE * (time.monotonic() - begun)
        return min(max(_REFRESH_SECONDS, rest), _LONGEST_REFRESH_SECONDS)


def _shared_out(what: str, advice: str) -> MonitorError:
    return Overloaded(
        f"This project's {what} as much as is left for all projects; nothing was taken, {advice}.",
        retry_after=_RETRY_SECONDS,
    )


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
