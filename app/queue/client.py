"""Putting jobs into the queue, replacing them, and reading the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
from arq.jobs import serialize_job
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from app.queue.encoding import serialize
from app.queue.names import (
    ACCEPTED_KEY,
    EVALUATE,
    EVALUATE_QUEUE,
    PAYLOAD_PREFIX,
    JobName,
    NewJob,
    QueuedJob,
    payload_key,
    text_of,
)
from app.queue.places import ENQUEUE, FORMER, Enqueued, enqueue_arguments, place

__all__ = [
    "Enqueuing",
    "accepted_counts",
    "listed_jobs",
    "queued_jobs",
    "queued_since",
    "queued_tokens",
    "replace_job",
    "requeue_unlisted",
    "stage",
]

# arq drops a job whose payload key expired, so the key outlives every outage that operators would
# wait for.
_EXPIRES_MS = 30 * 24 * 3600 * 1000
_SLICE_JOBS = 2_000
_TIME_BYTES = 9  # msgpack: a type byte and 64 bits


class Enqueuing:
    """Writes groups of new jobs, each group in one step: all of its jobs are queued, or none."""

    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(ENQUEUE)

    async def write(self, jobs: Iterable[NewJob], *, now_ms: int) -> None:
        """Write what arq's `enqueue_job` would write for each job, and the ledger's count.

        Other tasks have a turn after each job that `jobs` makes, which may have 2 MB.
        """
        listed: list[Enqueued] = []
        for job in jobs:
            if listed:
                await asyncio.sleep(0)
            listed.append(_enqueued(job, now_ms, counted=True))
        if listed:
            keys, arguments = enqueue_arguments(EVALUATE_QUEUE, ACCEPTED_KEY, listed, expires_ms=_EXPIRES_MS)
            await self._script(keys, arguments)


def _enqueued(job: NewJob, now_ms: int, *, counted: bool) -> Enqueued:
    name, payload = job
    body = serialize_job(EVALUATE, (payload,), {}, None, now_ms, serializer=serialize)
    return Enqueued(str(name), payload_key(name), body, name.project_id, name.records if counted else 0)


def stage(pipe: Pipeline, jobs: Sequence[NewJob], *, now_ms: int, instead: JobName | None = None) -> None:
    """Add what `Enqueuing` writes for these jobs to a MULTI.

    Jobs that stand `instead` of another one, for example as its halves, get its place and are not
    counted again.
    """
    if not jobs:
        return
    listed = [_enqueued(job, now_ms, counted=instead is None) for job in jobs]
    keys, arguments = enqueue_arguments(
        EVALUATE_QUEUE, ACCEPTED_KEY, listed, expires_ms=_EXPIRES_MS, instead=str(instead or "")
    )
    commands: Any = pipe
    commands.eval(ENQUEUE, len(keys), *keys, *arguments)


async def replace_job(redis: Redis, job: JobName, others: Sequence[NewJob], *, now_ms: int) -> None:
    """Replace a job by other jobs, all at once."""
    async with redis.pipeline(transaction=True) as pipe:
        stage(pipe, others, now_ms=now_ms, instead=job)
        pipe.delete(payload_key(job))
        pipe.zrem(EVALUATE_QUEUE, str(job))
        await pipe.execute()


async def queued_jobs(redis: Redis) -> list[JobName]:
    """Return the jobs that are listed in the queue and have their payload, in one reading."""
    listed = [text_of(job_id) for job_id in await redis.zrange(EVALUATE_QUEUE, 0, -1)]
    if not listed:
        return []
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in listed:
            pipe.exists(payload_key(job_id))
        present = await pipe.execute()
    return [JobName.parse(job_id) for job_id, there in zip(listed, present, strict=True) if there]


async def listed_jobs(redis: Redis) -> AsyncIterator[QueuedJob]:
    """Yield the jobs that the queue lists, in slices and without looking for payloads.

    A job that ends meanwhile moves the others forward, so one may be missed.
    """
    start = 0
    while listed := await redis.zrange(EVALUATE_QUEUE, start, start + _SLICE_JOBS - 1, withscores=True):
        start += _SLICE_JOBS
        for job_id, score in listed:
            name = JobName.parse(text_of(job_id))
            # A job that an earlier version listed, and that has no new place yet, has a moment
            # there.
            yield QueuedJob(name, name.made_ms or (int(score) if score >= FORMER else 0))


async def queued_since(redis: Redis) -> list[QueuedJob]:
    """Return the same jobs as `queued_jobs`, each with its time of enqueueing.

    The time is read from the end of the payload, where `serialize` puts arq's last field.
    """
    listed = [text_of(job_id) for job_id in await redis.zrange(EVALUATE_QUEUE, 0, -1)]
    if not listed:
        return []
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in listed:
            pipe.getrange(payload_key(job_id), -_TIME_BYTES, -1)
        tails = await pipe.execute()
    return [
        QueuedJob(JobName.parse(job_id), _read_time(tail))
        for job_id, tail in zip(listed, tails, strict=True)
        if tail
    ]


async def queued_tokens(redis: Redis, project_id: str) -> list[str]:
    """Return the roots of the project's jobs that wait or run.

    The halves of a job share its root.
    """
    listed = await redis.zrange(EVALUATE_QUEUE, 0, -1)
    names = [JobName.parse(text_of(job_id)) for job_id in listed]
    return sorted({name.root for name in names if name.project_id == project_id})


async def requeue_unlisted(redis: Redis) -> int:
    """List jobs again that have a payload but no place in the queue; returns how many.

    It reads every key of Redis, so it is used only when something is missing.
    """
    found = 0
    async for key in redis.scan_iter(f"{PAYLOAD_PREFIX}*", count=1000):
        job_id = text_of(key).removeprefix(PAYLOAD_PREFIX)
        tail = await redis.getrange(key, -_TIME_BYTES, -1)
        # A job that ended meanwhile is gone with its payload. A job that is listed twice is settled
        # once.
        if tail and JobName.parse(job_id).token != job_id:
            found += await place(redis, EVALUATE_QUEUE, [job_id])
    return found


def _read_time(tail: bytes) -> int:
    try:
        value = msgspec.msgpack.decode(tail)
    except msgspec.DecodeError:  # not a job of ours; workers make it a dead letter
        return 0
    return value if isinstance(value, int) else 0


async def accepted_counts(redis: Redis) -> dict[str, int]:
    """Return how many records were ever accepted, per project."""
    commands: Any = redis
    counts = await commands.hgetall(ACCEPTED_KEY)
    return {text_of(project): int(count) for project, count in counts.items()}
