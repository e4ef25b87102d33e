"""Putting jobs into the queue, replacing them, and reading what waits there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
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
from app.queue.places import FORMER, place

__all__ = [
    "accepted_counts",
    "listed_jobs",
    "queued_jobs",
    "queued_since",
    "queued_tokens",
    "replace_job",
    "requeue_unlisted",
    "stage",
]

# arq drops a job whose payload key expired, so it outlives any outage an operator would sit out.
_EXPIRES_MS = 30 * 24 * 3600 * 1000
_SLICE_JOBS = 2_000
_TIME_BYTES = 9  # msgpack: a type byte and 64 bits


def stage(pipe: Pipeline, jobs: Sequence[NewJob], *, now_ms: int, instead: JobName | None = None) -> None:
    """Add what `enqueue_job` would write for each job to a MULTI of the caller, with the ledger's count.

    Jobs that stand `instead` of another, as when that is split, have its place and are not counted again.
    """
    if not jobs:
        return
    for job in jobs:
        body = serialize_job(EVALUATE, (job.payload,), {}, None, now_ms, serializer=serialize)
        pipe.psetex(payload_key(job.name), _EXPIRES_MS, body)
        if instead is None:
            pipe.hincrby(ACCEPTED_KEY, job.name.project_id, job.name.records)
    names = [str(job.name) for job in jobs]
    place(pipe, EVALUATE_QUEUE, names, instead=str(instead or ""))


async def replace_job(redis: Redis, job: JobName, others: Sequence[NewJob], *, now_ms: int) -> None:
    """Let other jobs stand in the place of a job, all at once."""
    async with redis.pipeline(transaction=True) as pipe:
        stage(pipe, others, now_ms=now_ms, instead=job)
        pipe.delete(payload_key(job))
        pipe.zrem(EVALUATE_QUEUE, str(job))
        await pipe.execute()


async def queued_jobs(redis: Redis) -> list[JobName]:
    """Return the jobs that are really there: listed in the queue and with their payload, in one reading."""
    listed = [text_of(job_id) for job_id in await redis.zrange(EVALUATE_QUEUE, 0, -1)]
    if not listed:
        return []
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in listed:
            pipe.exists(payload_key(job_id))
        present = await pipe.execute()
    return [JobName.parse(job_id) for job_id, there in zip(listed, present, strict=True) if there]


async def listed_jobs(redis: Redis) -> AsyncIterator[QueuedJob]:
    """Yield what the queue lists, in slices and without looking for payloads.

    A job that is done meanwhile moves the others forward, so that one may be missed.
    """
    start = 0
    while listed := await redis.zrange(EVALUATE_QUEUE, start, start + _SLICE_JOBS - 1, withscores=True):
        start += _SLICE_JOBS
        for job_id, score in listed:
            name = JobName.parse(text_of(job_id))
            # What the version before had listed, and nobody has placed yet, has a moment there.
            yield QueuedJob(name, name.made_ms or (int(score) if score >= FORMER else 0))


async def queued_since(redis: Redis) -> list[QueuedJob]:
    """Return the jobs that are really there, as `queued_jobs` does, each with its time of enqueueing.

    The time is read from the end of the payload, where `serialize` leaves arq's last field.
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
    """Return the roots of the project's jobs that wait or run, in one reading; a job's halves share its root."""
    listed = await redis.zrange(EVALUATE_QUEUE, 0, -1)
    names = [JobName.parse(text_of(job_id)) for job_id in listed]
    return sorted({name.root for name in names if name.project_id == project_id})


async def requeue_unlisted(redis: Redis) -> int:
    """List jobs whose payload is there and whose place in the queue is not; returns how many.

    It looks at every key of Redis, so it is for the case that something is missing.
    """
    found = 0
    async for key in redis.scan_iter(f"{PAYLOAD_PREFIX}*", count=1000):
        job_id = text_of(key).removeprefix(PAYLOAD_PREFIX)
        tail = await redis.getrange(key, -_TIME_BYTES, -1)
        # A job that is done meanwhile is gone with its payload; one that comes back so is settled once.
        if tail and JobName.parse(job_id).token != job_id:
            found += int(await place(redis, EVALUATE_QUEUE, [job_id]))
    return found


def _read_time(tail: bytes) -> int:
    try:
        value = msgspec.msgpack.decode(tail)
    except msgspec.DecodeError:  # no job of ours; workers will bury it
        return 0
    return value if isinstance(value, int) else 0


async def accepted_counts(redis: Redis) -> dict[str, int]:
    """Return how many records were ever accepted, per project."""
    commands: Any = redis
    counts = await commands.hgetall(ACCEPTED_KEY)
    return {text_of(project): int(count) for project, count in counts.items()}
