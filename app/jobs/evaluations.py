"""Working off an evaluation: its parts are queued a few at a time, and settled when all is stored.

The records are scored by the queue like all others. A part is queued again if the queue lost it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from redis.asyncio import Redis

from app.jobs.pace import pace_of
from app.jobs.runner import Step
from app.queue import Enqueuing, JobName, NewJob, accepted_counts, listed_jobs, live_workers
from app.schemas.queued import Batch, decode_batch, decode_envelope, encode
from app.storage.engine import Connection
from app.storage.evaluations.parts import (
    OpenPart,
    lock_open_parts,
    mark_queued,
    mark_settled,
    read_payload,
    settled_count,
    stored_ids,
)
from app.storage.ledger.dead_letter_reads import dead_ids
from app.storage.upkeep.jobs import Job
from monitoring.clock import now_utc

__all__ = ["Evaluations"]

# Parts that are in the queue at once. While others send calls, half of the workers get one each.
# While many records of others wait, it is one part.
_MOST_QUEUED: Final = 8
_CROWDED_RECORDS: Final = 2_000
_SOON: Final = timedelta(milliseconds=250)
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=1)
_LOST_AFTER: Final = timedelta(days=1)


class _Looked(msgspec.Struct, frozen=True):
    """What the queue holds: the roots of the project's jobs, and how many parts it may hold.

    `accepted` is how many records it ever accepted.
    """

    tokens: frozenset[str]
    room: int
    accepted: int


class Evaluations:
    """Handles jobs of kind `evaluate`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queue = Enqueuing(redis)

    async def step(self, connection: Connection, project_id: str, job: Job) -> Step:
        """Settle the queued parts whose records have an outcome, and queue the next ones."""
        parts = await lock_open_parts(connection, project_id, job.job_id, _MOST_QUEUED)
        looked = await self._look(project_id, job, parts)
        accepted, now = looked.accepted, now_utc()
        settled: list[int] = []
        done, failed, queued = job.done, pace_of(job).failed, 0
        for part in parts:
            lost = part.token is None and now - job.created_at > _LOST_AFTER
            given_up = await self._outcome(connection, project_id, job, part, looked, lost=lost)
            if given_up is not None:
                settled.append(part.part)
                done, failed = done + len(part.trace_ids), failed + given_up
            elif part.state == "queued" and (part.token is None or part.token in looked.tokens):
                queued += 1
            elif queued < looked.room:
                accepted += await self._put(connection, project_id, job.job_id, part)
                queued += 1
        await mark_settled(connection, project_id, job.job_id, settled)
        finished = done >= (job.total or 0)
        pace = pace_of(job).reached(now, done, failed, accepted)
        return Step(
            done,
            total=job.total,
            cursor=msgspec.to_builtins(pace),
            wait=_wait(job, parts, now, progressed=bool(settled)),
            finished=finished,
            result={"stored": done - failed, "failed": failed} if finished else None,
        )

    async def _look(self, project_id: str, job: Job, parts: Sequence[OpenPart]) -> _Looked:
        ours = {part.token for part in parts}
        tokens: set[str] = set()
        others = 0
        async for one in listed_jobs(self._redis):
            if one.name.project_id == project_id:
                tokens.add(one.name.root)
            if one.name.root not in ours:
                others += one.name.records
        accepted = sum((await accepted_counts(self._redis)).values())
        if others > _CROWDED_RECORDS:
            room = 1
        elif accepted > pace_of(job).accepted:  # others sent calls since the last step
            room = max(1, len(await live_workers(self._redis, _unix_ms())) // 2)
        else:
            room = _MOST_QUEUED
        return _Looked(frozenset(tokens), min(room, _MOST_QUEUED), accepted)

    async def _outcome(
        self,
        connection: Connection,
        project_id: str,
        job: Job,
        part: OpenPart,
        looked: _Looked,
        *,
        lost: bool,
    ) -> int | None:
        """Return how many records of a part were given up; None if some have no outcome yet."""
        if part.state == "waiting" or part.token in looked.tokens:
            return None
        stored = await stored_ids(connection, project_id, part.trace_ids)
        without = [one for one in part.trace_ids if one not in stored]
        dead = await dead_ids(connection, project_id, without) if without else set()
        missing = {one for one in without if one not in dead}
        if part.token is None:
            return None if missing and not lost else len(without)
        if missing and not await self._is_erased(connection, project_id, job.job_id, part, missing):
            return None
        return sum(one in dead for one in part.trace_ids)

    async def _is_erased(
        self, connection: Connection, project_id: str, job_id: UUID, part: OpenPart, missing: set[UUID]
    ) -> bool:
        """Tell whether missing records were stored and erased since, or erased before."""
        payload = await read_payload(connection, project_id, job_id, part.part)
        kept = [decode_envelope(one).trace_id for one in decode_batch(payload).envelopes] if payload else []
        if not missing & {*kept}:
            return True
        return await settled_count(connection, project_id, part.token or "") >= len(kept)

    async def _put(self, connection: Connection, project_id: str, job_id: UUID, part: OpenPart) -> int:
        """Queue a part and return its records; one that the queue lost may be stored in part."""
        payload = await read_payload(connection, project_id, job_id, part.part)
        if part.state == "queued":
            payload = _retried(payload)
        now_ms = _unix_ms()
        records = len(decode_batch(payload).envelopes)
        name = JobName.new(project_id, records, len(payload), now_ms=now_ms)
        if records:
            await self._queue.write([NewJob(name, payload)], now_ms=now_ms)
        await mark_queued(connection, project_id, job_id, part.part, name.root)
        return records


def _retried(payload: bytes) -> bytes:
    envelopes = [decode_envelope(one) for one in decode_batch(payload).envelopes]
    again = (msgspec.Raw(encode(msgspec.structs.replace(one, retried=True))) for one in envelopes)
    return encode(Batch(envelopes=tuple(again)))


def _wait(job: Job, parts: Sequence[OpenPart], now: datetime, *, progressed: bool) -> timedelta:
    if all(part.token is None and part.state == "queued" for part in parts):
        return min(max((now - job.created_at) / 10, _SHORTEST), _LONGEST)
    return timedelta() if progressed else _SOON


def _unix_ms() -> int:
    return int(now_utc().timestamp() * 1000)
