"""The loop of a worker process over the queue: arq's own, with our choice of jobs and our rules about failures."""

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

# So long after a try that failed a job is tried again.
_RETRY_SECONDS = 1
# One job is scored while another is written; jobs that are waited for are short, and more of them are written.
_CONCURRENT_JOBS: Final[dict[Lane, int]] = {"waited": 4, "bulk": 2}
# arq's default of half a second would be the whole latency of a waiting post.
_POLL_SECONDS = 0.01
# Crashes are counted by the task itself; arq would drop a job at its limit without running our code, and at
# its timeout too, which is overdue at once in a process that was halted for as long. The task ends by itself.
_ARQ_TRIES = 1_000_000
_ARQ_TIMEOUT_SECONDS = 24 * 3600
# Longer than a job takes, shorter than half a minute: the jobs of a machine that died come back after it.
_CLAIM_SECONDS = 25


def connect(redis_url: str) -> ArqRedis:
    """Return a client that also serves a loop; it connects when it is first used."""
    return ArqRedis(
        ConnectionPool.from_url(redis_url, socket_connect_timeout=5, health_check_interval=30),
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=EVALUATE_QUEUE,
    )


def try_again() -> Retry:
    """Return what a task raises to have its job tried again in a second."""
    return Retry(defer=_RETRY_SECONDS)


class Loop(Worker):
    """Starts jobs of the queue that no other process has in hand.

    arq finds that out job by job, in four round trips each; with eight processes that took a fifth of their time.
    """

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start as many of the jobs as there is room for, without those that are claimed."""
        listed = self._wanted(job_ids)
        if not listed or self.job_counter >= self.max_jobs:
            self._queue_read_offset = 0
            return
        claims = await self.pool.mget([claim_key(job_id.decode(errors="replace")) for job_id in listed])
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
        again = _RETRY_SECONDS if incr_score else keep_in_progress
        await super().finish_job(
            job_id, finish, result_data, result_timeout_s, keep_result_forever, None, again
        )


class WaitedLoop(Loop):
    """Picks jobs with waiting posts and no others, so that it never has a long one in hand."""

    def _wanted(self, job_ids: list[bytes]) -> list[bytes]:
        return pick_waited(job_ids)

    async def _start(self, free: list[bytes]) -> None:
        await self._claim(free, WAITED_BYTES, waited=True)


class BulkLoop(Loop):
    """Picks every job, but while it has bulk in hand only such waited ones as nobody else picks.

    As long as there are any it has one bulk job in hand, instead of scoring the next while one is written.
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
    """Return a loop that gives the payload of each job to `evaluate`, with everything off by which arq drops a job.

    With `burst` the loop ends when the queue is empty.
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
