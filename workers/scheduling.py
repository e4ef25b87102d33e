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
    "RETRY_SECONDS",
    "Lane",
    "Patience",
    "PatientLoop",
    "UrgentLoop",
    "fit",
    "pick_waited",
]

Lane = Literal["urgent", "patient"]

# So long after a try that failed a job is tried again.
RETRY_SECONDS = 1
# A process claims no more than this at once, unless a job alone is larger: what it has in hand stands before the
# job of a project that was served less. Two bulk jobs, one scored and one written, or a second of waited ones.
BULK_BYTES, WAITED_BYTES = 4 * 1024 * 1024 + 64 * 1024, 512 * 1024
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
        raise NotImplementedError

    async def _claim(self, free: list[bytes], most: int, *, waited: bool) -> None:
        """Start the first of the jobs, all of them waited or bulk, until `most` bytes of such are in hand."""
        names = (JobName.parse(job_id) for job_id, task in self.tasks.items() if not task.done())
        in_hand = [name.size for name in names if name.waited is waited]
        await super().start_jobs(fit(free[: self.max_jobs], most - sum(in_hand), idle=not in_hand))

    async def finish_job(
        self,
        job_id: str,
        finish: bool,  # noqa: FBT001 the signature of arq
        result_data: bytes | None,
        result_timeout_s: float | None,
        keep_result_forever: bool,  # noqa: FBT001 the signature of arq
        incr_score: int | None,
        keep_in_progress: float | None,
    ) -> None:
        """Let a job that is tried again keep its place, claimed by nobody until then; arq would place it last."""
        again = RETRY_SECONDS if incr_score else keep_in_progress
        await super().finish_job(
            job_id, finish, result_data, result_timeout_s, keep_result_forever, None, again
        )


class UrgentLoop(_Loop):
    """Picks jobs with waiting posts and no others, so that it never has a long one in hand."""

    def _wanted(self, job_ids: list[bytes]) -> list[bytes]:
        return pick_waited(job_ids)

    async def _start(self, free: list[bytes]) -> None:
        await self._claim(free, WAITED_BYTES, waited=True)


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
        await self._claim(pick_waited(free), WAITED_BYTES, waited=True)
        room = self.max_jobs
        if self._patience.is_crowded(self._now()):
            self.max_jobs = min(room, self.job_counter + (not self._has_bulk()))
        try:
            bulk = [job_id for job_id in free if not JobName.is_waited(job_id)]
            await self._claim(bulk, BULK_BYTES, waited=False)
        finally:
            self.max_jobs = room

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _has_bulk(self) -> bool:
        return any(not (task.done() or JobName.is_waited(name.encode())) for name, task in self.tasks.items())


def fit(job_ids: Sequence[bytes], room: int, *, idle: bool) -> list[bytes]:
    """Return the first jobs that have at most `room` bytes together; one alone where nothing is in hand."""
    chosen: list[bytes] = []
    for job_id in job_ids:
        room -= JobName.parse(_text(job_id)).size
        if room < 0 and (chosen or not idle):
            break
        chosen.append(job_id)
    return chosen


def _text(job_id: bytes) -> str:
    return job_id.decode(errors="replace")


LOOPS: Final[dict[Lane, type[Worker]]] = {"urgent": UrgentLoop, "patient": PatientLoop}
