"""Admission: records are refused before Redis is so full that the queue could not be worked off."""

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

# arq writes a key to claim a job, so a full Redis would never empty the queue: refuse well before
# that.
MEMORY_SHARE = 0.6
# The memory that Redis needs for one remembered id with its expiry, rounded up: 125 bytes measured
# on 2026-11-29.
ID_BYTES = 128
_REFRESH_SECONDS = 0.5
# The interval for reading the age of queued records where nothing else needs a look at every job.
_LISTING_SECONDS = 5.0
# Listing the jobs of a long queue may take at most a twentieth of the time.
_LISTING_SHARE = 20
_LONGEST_REFRESH_SECONDS = 5.0
_RETRY_SECONDS = 5
# Room on a full disk is made by people, or by upkeep once a minute.
_FULL_DISK_RETRY_SECONDS = 30
_MIB = 1024 * 1024


@dataclass
class _Backlog:
    """What a project holds in Redis.

    That is the records and bytes that wait, the Unix time in milliseconds since which they wait,
    and the remembered ids.
    """

    records: int = 0
    size: int = 0
    since_ms: float = float("inf")
    ids: int = 0

    @property
    def memory(self) -> int:
        return self.size + self.ids * ID_BYTES


class Admission:
    """Knows, within half a second, how much more the queue may hold, in all and of each project.

    Where there are several projects, one may hold no more in Redis than is still free for all. So a
    single project fills half, two fill a third each, and there is always room for the next (dynamic
    thresholds, Choudhury and Hahne, 1998). `limits` returns the projects that have their own
    limits, `shared` whether there are several projects, and `count_ids` how many ids are remembered
    for each. `clock` returns Unix milliseconds.
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
        """Raise what `admit` would raise, and reserve nothing."""
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
        """Reserve room for `records` of `size` bytes in all, and for `ids` remembered ids.

        Raises Unavailable when the queue is full, StorageFull when the disk is full, and Overloaded
        when the project has its share of the queue. All have Retry-After.
        """
        self.check(project_id, records=records, size=size, ids=ids)
        self._records_left -= records
        self._bytes_left -= size + ids * ID_BYTES
        self.disk.take(size)
        waiting = self._of_project[project_id]
        waiting.records += records
        waiting.size += size
        waiting.ids += ids

    def admit_later(self, project_id: str, *, size: int, ids: int) -> None:
        """Reserve disk space for records that will be queued later, and memory for their ids.

        Raises StorageFull, Unavailable and Overloaded as `admit` does.
        """
        if not self.disk.admits:
            raise _full_disk(self.disk)
        if ids:
            self.check(project_id, records=1, ids=ids)
            self._bytes_left -= ids * ID_BYTES
            self._of_project[project_id].ids += ids
        self.disk.take(size)

    def _check_project(self, limits: BacklogLimits, waiting: _Backlog, records: int, size: int) -> None:
        reached = (
            (limits.records, waiting.records + records, "records"),
            (limits.bytes, waiting.size + size, "bytes"),
            (limits.age_seconds, self._age(waiting.since_ms), "seconds of age"),
        )
        for limit, found, unit in reached:
            if limit is not None and found > limit:
                raise Overloaded(
                    f"This project has reached its limit of {limit} {unit} in the queue. Nothing was accepted: "
                    "send it again later, or raise the limit.",
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
        """Read the free disk space, Redis' memory and the length of the queue; raises redis errors.

        The name of every job is read with `closely`, or when the queue is more than half full.
        """
        await self.disk.look()
        memory = await self._redis.info("memory")
        self.disk.held = int(memory["used_memory"])
        # The limit of a Redis without one of its own is the memory of its machine.
        limit = int(memory.get("maxmemory", 0)) or int(memory.get("total_system_memory", 0))
        used = int(memory["used_memory"])
        self._bytes_left = limit * MEMORY_SHARE - used if limit else float("inf")
        at_most = await self._redis.zcard(EVALUATE_QUEUE) * JOB_RECORDS
        if closely or used > self._bytes_left or 2 * at_most >= self._max_records:
            at_most = await self._list()
        self._records_left = self._max_records - at_most

    async def _list(self) -> int:
        """Add up what Redis holds of each project; returns the number of all records that wait."""
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
        """Keep the figures fresh until cancelled.

        Without Redis, the commit itself refuses records.
        """
        await tasks.repeat(
            "admission", self._turn, _REFRESH_SECONDS, longest=_LONGEST_REFRESH_SECONDS, essential=True
        )

    async def _turn(self) -> float:
        """Refresh the figures; returns the seconds until the next time."""
        begun = time.monotonic()
        await self.refresh(closely=bool(self._limits()) or begun - self._listed_at >= _LISTING_SECONDS)
        rest = _LISTING_SHARE * (time.monotonic() - begun)
        return min(max(_REFRESH_SECONDS, rest), _LONGEST_REFRESH_SECONDS)


def _shared_out(what: str, advice: str) -> MonitorError:
    return Overloaded(
        f"This project's {what} as much as is left for all projects. Nothing was accepted: {advice}.",
        retry_after=_RETRY_SECONDS,
    )


def _full_disk(disk: Disk) -> MonitorError:
    left = (disk.free or 0) // _MIB
    return StorageFull(
        f"The disk of the servers has {left} MiB left, too little for more. Nothing was accepted. What is stored can "
        "be read. Make room there, and send it again later.",
        retry_after=_FULL_DISK_RETRY_SECONDS,
    )


def _refusal(why: str, advice: str = "add workers") -> MonitorError:
    return Unavailable(
        f"{why}. Nothing was accepted: send it again later, or {advice}.", retry_after=_RETRY_SECONDS
    )
