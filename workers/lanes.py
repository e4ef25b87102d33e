"""Which jobs a worker process picks: those that somebody waits for have a process that is free for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Literal

from arq.constants import in_progress_key_prefix
from arq.worker import Worker

from app.queue import JobName

__all__ = [
    "CROWDED_SECONDS",
    "LATE_SECONDS",
    "LOOPS",
    "Lane",
    "Patience",
    "PatientLoop",
    "UrgentLoop",
    "pick_waited",
]

Lane = Literal["urgent", "patient"]

# A waited job that was seen for so long waits for more than its own process can do.
LATE_SECONDS = 0.1
# For so long after a waited job was seen a process has one bulk job in hand, so that fewer want a core.
CROWDED_SECONDS = 1.0


def pick_waited(job_ids: Sequence[bytes]) -> list[bytes]:
    """Return the jobs that posts wait for."""
    return [job_id for job_id in job_ids if JobName.is_waited(job_id)]


class Patience:
    """Leaves waited jobs to the process that is there for them, but not for long: it may be overrun, or dead."""

    def __init__(self) -> None:
        self._seen: dict[bytes, float] = {}
        self._last = float("-inf")

    def pick(self, job_ids: Sequence[bytes], now: float, *, has_bulk: bool) -> list[bytes]:
        """Return the jobs to start at `now`, in seconds of any clock, beside bulk that is in hand or not."""
        waited = pick_waited(job_ids)
        self._seen = {job_id: self._seen.get(job_id, now) for job_id in waited}
        self._last = now if waited else self._last
        if not has_bulk:
            return list(job_ids)
        early = {job_id for job_id, first in self._seen.items() if now - first < LATE_SECONDS}
        return [job_id for job_id in job_ids if job_id not in early]

    def is_crowded(self, now: float) -> bool:
        """Tell whether waited jobs were there lately."""
        return now - self._last < CROWDED_SECONDS


class _Loop(Worker):
    """Starts jobs that no other process has in hand.

    arq finds that out job by job, in four round trips each; with eight processes that took a fifth of their time.
    """

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start as many of the jobs as there is room for, without those that are claimed."""
        listed = self._wanted(job_ids)
        if not listed or self.job_counter >= self.max_jobs:
            self._queue_read_offset = 0
            return
        claims = await self.pool.mget([f"{in_progress_key_prefix}{_text(job_id)}" for job_id in listed])
        free = [job_id for job_id, claim in zip(listed, claims, strict=True) if claim is None]
        # Jobs in hand stay listed: where they fill what is read at once, the free ones are behind it.
        full = len(listed) == self.queue_read_limit
        self._queue_read_offset = self._queue_read_offset + len(listed) if full and not free else 0
        await self._start(free)

    def _wanted(self, job_ids: list[bytes]) -> list[bytes]:
        return job_ids

    async def _start(self, free: list[bytes]) -> None:
        await super().start_jobs(free)


class UrgentLoop(_Loop):
    """Picks jobs with waiting posts and no others, so that it never has a long one in hand."""

    def _wanted(self, job_ids: list[bytes]) -> list[bytes]:
        return pick_waited(job_ids)


class PatientLoop(_Loop):
    """Picks every job, but while it has bulk in hand only such waited ones as nobody else picks.

    As long as there are any it has one bulk job in hand, instead of scoring the next while one is written.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._patience = Patience()

    def _wanted(self, job_ids: list[bytes]) -> list[bytes]:
        return self._patience.pick(job_ids, self._now(), has_bulk=self._has_bulk())

    async def _start(self, free: list[bytes]) -> None:
        await super()._start(pick_waited(free))
        room = self.max_jobs
        if self._patience.is_crowded(self._now()):
            self.max_jobs = min(room, self.job_counter + (not self._has_bulk()))
        try:
            await super()._start([job_id for job_id in free if not JobName.is_waited(job_id)])
        finally:
            self.max_jobs = room

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _has_bulk(self) -> bool:
        return any(not (task.done() or JobName.is_waited(name.encode())) for name, task in self.tasks.items())


def _text(job_id: bytes) -> str:
    return job_id.decode(errors="replace")


LOOPS: Final[dict[Lane, type[Worker]]] = {"urgent": UrgentLoop, "patient": PatientLoop}
