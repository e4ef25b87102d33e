"""The one client-side use of arq: job names, keys, serialiser, and what is waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from app.fair_queue import FORMER, place
from app.schemas.ids import mint
from app.schemas.projects import DEFAULT_PROJECT

__all__ = [
    "ACCEPTED_KEY",
    "EVALUATE",
    "EVALUATE_QUEUE",
    "REDELIVERED_KEY",
    "WORKERS_KEY",
    "JobName",
    "NewJob",
    "Payload",
    "QueuedJob",
    "accepted_counts",
    "beat",
    "deserialize",
    "listed_jobs",
    "live_workers",
    "queued_jobs",
    "queued_since",
    "queued_tokens",
    "requeue_unlisted",
    "retire",
    "serialize",
    "stage",
]

EVALUATE_QUEUE = "llm-monitor:queue:evaluate"
EVALUATE = "evaluate"
ACCEPTED_KEY = "llm-monitor:accepted"
# Deliveries of jobs whose try before had ended without a word, per project.
REDELIVERED_KEY = "llm-monitor:redelivered"
# A hash from host and process id to the Unix milliseconds of that worker's last sign of life.
WORKERS_KEY = "llm-monitor:workers"
_WORKER_SILENCE_MS = 15_000
# arq drops a job whose payload key expired, so it outlives any outage an operator would sit out.
_EXPIRES_MS = 30 * 24 * 3600 * 1000
_SLICE_JOBS = 2_000
_TIME_BYTES = 9  # msgpack: a type byte and 64 bits
_FORGOTTEN_MS = 60_000
_SEPARATOR = ":"
_TOKEN_CHARACTERS = 32
_MOMENT_CHARACTERS = 12
_WITH_MOMENT = "7"
_WAITED = "w"
_WAITED_BYTES = (_WAITED + _SEPARATOR).encode()


class JobName(NamedTuple):
    """A job id that says what the job holds, so that counting the queue reads no payload.

    `size` is that of the encoded batch in bytes. The token is a UUIDv7, which says when the job was made.
    """

    project_id: str
    records: int
    token: str
    size: int = 0

    def __str__(self) -> str:
        return _SEPARATOR.join((self.token, str(self.records), str(self.size), self.project_id))

    @property
    def root(self) -> str:
        """What a job has in common with the halves it may be replaced by."""
        return self.token[:_TOKEN_CHARACTERS]

    @property
    def made_ms(self) -> int:
        """When the job, or the one that it is a half of, was made: Unix milliseconds, 0 where it does not say."""
        moment = self.token[:_MOMENT_CHARACTERS]
        said = self.token[_MOMENT_CHARACTERS : _MOMENT_CHARACTERS + 1] == _WITH_MOMENT
        try:
            return int(moment, 16) if said else 0
        except ValueError:  # no name of ours
            return 0

    @property
    def waited(self) -> bool:
        """Whether posts wait for its scores; those of its halves come too late for that."""
        return self.token[_TOKEN_CHARACTERS:] == _WAITED

    @staticmethod
    def is_waited(job_id: bytes) -> bool:
        """Tell `waited` of an encoded name without reading all of it: a worker looks at thousands a second."""
        return job_id[_TOKEN_CHARACTERS : _TOKEN_CHARACTERS + 2] == _WAITED_BYTES

    @classmethod
    def parse(cls, job_id: str) -> JobName:
        """Read a job id back; one that this application did not make stands for one record of `default`."""
        token, records, size, project_id = (*job_id.split(_SEPARATOR, 3), "", "", "")[:4]
        if project_id and records.isdecimal() and size.isdecimal():
            return cls(project_id, int(records), token, int(size))
        return cls(DEFAULT_PROJECT, 1, job_id)

    @classmethod
    def new(
        cls, project_id: str, records: int, size: int = 0, *, waited: bool = False, now_ms: int = 0
    ) -> JobName:
        """Return a fresh name of a job made at the Unix time `now_ms` in milliseconds."""
        return cls(project_id, records, mint(now_ms).hex + (_WAITED if waited else ""), size)


class QueuedJob(NamedTuple):
    """A job that waits or runs, and when it was enqueued in Unix milliseconds; 0 where that is not known."""

    name: JobName
    enqueued_ms: int


class NewJob(NamedTuple):
    """A job about to be queued: its name and its encoded Batch."""

    name: JobName
    payload: bytes


class Payload(bytes):
    """Encoded bytes whose repr is short, because arq writes the repr of every argument to its log."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


def serialize(job: Mapping[str, Any]) -> bytes:
    """Encode arq's job mapping as msgpack."""
    return msgspec.msgpack.encode(job)


def deserialize(data: bytes) -> dict[str, Any]:
    """Decode arq's job mapping; never raises, because arq would drop the job without telling us.

    What cannot be read, or calls anything but `evaluate(payload)`, becomes a job of ours whose payload is
    these bytes: it ends among the dead letters.
    """
    try:
        (payload,) = (job := msgspec.msgpack.decode(data, type=dict[str, Any]))["a"]
        called_rightly = job["f"] == EVALUATE and job["k"] == {} and isinstance(payload, bytes)
        if called_rightly and isinstance(job["et"], int):
            return {**job, "t": job.get("t"), "a": (Payload(payload),)}
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        pass
    return {"t": None, "f": EVALUATE, "a": (Payload(data),), "k": {}, "et": 0}


def stage(pipe: Pipeline, jobs: Sequence[NewJob], *, now_ms: int, instead: JobName | None = None) -> None:
    """Add what `enqueue_job` would write for each job to a MULTI of the caller, with the ledger's count.

    Jobs that stand `instead` of another, as when that is split, have its place and are not counted again.
    """
    if not jobs:
        return
    for job in jobs:
        body = serialize_job(EVALUATE, (job.payload,), {}, None, now_ms, serializer=serialize)
        pipe.psetex(f"{job_key_prefix}{job.name}", _EXPIRES_MS, body)
        if instead is None:
            pipe.hincrby(ACCEPTED_KEY, job.name.project_id, job.name.records)
    names = [str(job.name) for job in jobs]
    place(pipe, EVALUATE_QUEUE, names, instead=str(instead or ""))


async def queued_jobs(redis: Redis) -> list[JobName]:
    """Return the jobs that are really there: listed in the queue and with their payload, in one reading."""
    listed = [_text(job_id) for job_id in await redis.zrange(EVALUATE_QUEUE, 0, -1)]
    if not listed:
        return []
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in listed:
            pipe.exists(f"{job_key_prefix}{job_id}")
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
            name = JobName.parse(_text(job_id))
            # What the version before had listed, and nobody has placed yet, has a moment there.
            yield QueuedJob(name, name.made_ms or (int(score) if score >= FORMER else 0))


async def queued_since(redis: Redis) -> list[QueuedJob]:
    """Return the jobs that are really there, as `queued_jobs` does, each with its time of enqueueing.

    The time is read from the end of the payload, where `serialize` leaves arq's last field.
    """
    listed = [_text(job_id) for job_id in await redis.zrange(EVALUATE_QUEUE, 0, -1)]
    if not listed:
        return []
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in listed:
            pipe.getrange(f"{job_key_prefix}{job_id}", -_TIME_BYTES, -1)
        tails = await pipe.execute()
    return [
        QueuedJob(JobName.parse(job_id), _read_time(tail))
        for job_id, tail in zip(listed, tails, strict=True)
        if tail
    ]


async def queued_tokens(redis: Redis, project_id: str) -> list[str]:
    """Return the roots of the project's jobs that wait or run, in one reading; a job's halves share its root."""
    listed = await redis.zrange(EVALUATE_QUEUE, 0, -1)
    names = [JobName.parse(_text(job_id)) for job_id in listed]
    return sorted({name.root for name in names if name.project_id == project_id})


async def requeue_unlisted(redis: Redis) -> int:
    """List jobs whose payload is there and whose place in the queue is not; returns how many.

    It looks at every key of Redis, so it is for the case that something is missing.
    """
    found = 0
    async for key in redis.scan_iter(f"{job_key_prefix}*", count=1000):
        job_id = _text(key).removeprefix(job_key_prefix)
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


async def live_workers(redis: Redis, now_ms: int) -> dict[str, int]:
    """Return the workers that were heard of lately, by name, with the time of their last sign in ms."""
    commands: Any = redis
    seen = await commands.hgetall(WORKERS_KEY)
    times = {_text(name): int(moment) for name, moment in seen.items()}
    return {name: moment for name, moment in times.items() if now_ms - moment <= _WORKER_SILENCE_MS}


async def accepted_counts(redis: Redis) -> dict[str, int]:
    """Return how many records were ever accepted, per project."""
    commands: Any = redis
    counts = await commands.hgetall(ACCEPTED_KEY)
    return {_text(project): int(count) for project, count in counts.items()}


async def beat(redis: Redis, worker: str, now_ms: int) -> None:
    """Note that a worker lives, and forget those that gave no sign of life for a minute."""
    commands: Any = redis  # redis types a hash command as awaitable or value, whichever client it serves
    await commands.hset(WORKERS_KEY, worker, now_ms)
    for name, seen in (await commands.hgetall(WORKERS_KEY)).items():
        if now_ms - int(seen) > _FORGOTTEN_MS:
            await commands.hdel(WORKERS_KEY, name)


async def retire(redis: Redis, worker: str) -> None:
    """Note that a worker has ended."""
    commands: Any = redis
    await commands.hdel(WORKERS_KEY, worker)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
