"""The loop of a worker process: arq's loop, with our choice of jobs and handling of failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from arq import Retry
from arq.connections import ArqRedis
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.asyncio import ConnectionPool

from app.queue.encoding import deserialize, serialize
from app.queue.names import EVALUATE, EVALUATE_QUEUE, JobName, claim_key
from app.queue.scheduling import BULK_BYTES, WAITED_BYTES, Deferral, Lane, fit, pick_waited

__all__ = ["ArqRedis", "BulkLoop", "Loop", "WaitedLoop", "connect", "make_loop", "try_again"]

# The time between a failed attempt and the next one.
_RETRY_SECONDS = 1
# One job is scored while another is written. Waited jobs are short, so more of them are written at
# once.
_CONCURRENT_JOBS: Final[dict[Lane, int]] = {"waited": 4, "bulk": 2}
# arq's default of half a second would be the whole latency of a request that waits.
_POLL_SECONDS = 0.01
# The task itself counts crashes. At its own limit, arq would drop a job without running our code.
# It would do the same at its timeout, which passes at once in a process that was halted for that
# time. The task ends by itself.
_ARQ_TRIES = 1_000_000
_ARQ_TIMEOUT_SECONDS = 24 * 3600
# Longer than a job takes, and shorter than half a minute: after this, jobs of a machine that died
# are delivered again.
_CLAIM_SECONDS = 25


def connect(redis_url: str) -> ArqRedis:
    """Return a client that also serves a loop. It connects at its first use."""
    return ArqRedis(
        ConnectionPool.from_url(redis_url, socket_connect_timeout=5, health_check_interval=30),
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=EVALUATE_QUEUE,
    )


def try_again() -> Retry:
    """Return the exception that a task raises to have its job tried again in a second."""
    return Retry(defer=_RETRY_SECONDS)


class Loop(Worker):
    """Starts jobs of the queue that no other process holds.

    arq checks that job by job, with four round trips each. With eight processes that took a fifth
    of their time.
    """

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start as many of the jobs as there is room for, without those that are claimed."""
        listed = self._wanted(job_ids)
        if not listed or self.job_counter >= self.max_jobs:
            self._queue_read_offset = 0
            return
        claims = await self.pool.mget([claim_key(job_id.decode(errors="replace")) for job_id in listed])
        free = [job_id for job_id, claim in zip(listed, claims, strict=True) if claim is None]
        # Jobs of a process stay listed. Where they fill the part of the queue that is read, free
        # jobs come after it.
        full = len(listed) == self.queue_read_limit
        self._queue_read_offset = self._queue_read_offset + len(listed) if full and not free else 0
        await self._start(free)

    def _wanted(self, job_ids: list[bytes]) -> list[bytes]:
        return job_ids

    async def _start(self, free: list[bytes]) -> None:
        raise NotImplementedError

    async def _claim(self, free: list[bytes], most: int, *, waited: bool) -> None:
        """Start the first of the jobs, all waited or all bulk, up to `most` bytes of that lane."""
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
        """Let a job that is tried again keep its place, without a claim. arq would put it last."""
        again = _RETRY_SECONDS if incr_score else keep_in_progress
        await super().finish_job(
            job_id, finish, result_data, result_timeout_s, keep_result_forever, None, again
        )


class WaitedLoop(Loop):
    """Takes only waited jobs, so that it never holds a long one."""

    def _wanted(self, job_ids: list[bytes]) -> list[bytes]:
        return pick_waited(job_ids)

    async def _start(self, free: list[bytes]) -> None:
        await self._claim(free, WAITED_BYTES, waited=True)


class BulkLoop(Loop):
    """Takes every job. While it holds bulk, it takes only waited jobs that nobody else takes.

    As long as there are waited jobs, it holds one bulk job, instead of scoring one while another is
    written.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deferral = Deferral()

    def _wanted(self, job_ids: list[bytes]) -> list[bytes]:
        return self._deferral.pick(job_ids, self._now(), has_bulk=self._has_bulk())

    async def _start(self, free: list[bytes]) -> None:
        await self._claim(pick_waited(free), WAITED_BYTES, waited=True)
        room = self.max_jobs
        if self._deferral.is_crowded(self._now()):
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


_LOOPS: Final[dict[Lane, type[Loop]]] = {"waited": WaitedLoop, "bulk": BulkLoop}


def make_loop(
    redis: ArqRedis,
    evaluate: Callable[[dict[str, Any], bytes], Awaitable[None]],
    *,
    lane: Lane = "bulk",
    max_jobs: int | None = None,
    burst: bool = False,
) -> Loop:
    """Return a loop that gives the payload of each job to `evaluate`.

    Everything is off by which arq drops a job. With `burst` the loop ends when the queue is empty.
    """
    task = cast("WorkerCoroutine", evaluate)
    loop = _LOOPS[lane](
        [func(task, name=EVALUATE, timeout=_ARQ_TIMEOUT_SECONDS, max_tries=_ARQ_TRIES)],
        queue_name=EVALUATE_QUEUE,
        redis_pool=redis,
        burst=burst,
        handle_signals=False,
        max_jobs=max_jobs or _CONCURRENT_JOBS[lane],
        keep_result=0,
        poll_delay=_POLL_SECONDS,
        max_tries=_ARQ_TRIES,
        job_serializer=serialize,
        job_deserializer=deserialize,
        log_results=False,
    )
    loop.in_progress_timeout_s = _CLAIM_SECONDS
    return loop
