"""Giving dead letters another try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

import msgspec
from redis.asyncio import Redis

from app.ingest.outage import redis_required
from app.queue import JobName, NewJob, stage
from app.schemas.queued import Batch, decode_envelope, encode

__all__ = ["Replayed", "replay"]


class Replayed(NamedTuple):
    """The records that are queued again, and those that cannot be read, so that a try would change nothing."""

    queued: tuple[UUID, ...]
    unreadable: tuple[UUID, ...]


async def replay(redis: Redis, project_id: str, letters: Mapping[UUID, bytes], *, now_ms: int) -> Replayed:
    """Queue the envelopes of dead letters, each as a job of its own, counted as accepted once more.

    Their first outcome stays counted as dead, so the ledger stays balanced; a letter goes when its record
    is stored. Raises Unavailable, with nothing queued, when the queue does not take them.
    """
    jobs: dict[UUID, NewJob] = {}
    for trace_id, payload in letters.items():
        try:
            envelope = decode_envelope(payload)
        except msgspec.MsgspecError:
            continue
        again = msgspec.structs.replace(envelope, retried=True, waited=False)
        batch = encode(Batch(envelopes=(msgspec.Raw(encode(again)),)))
        jobs[trace_id] = NewJob(JobName.new(project_id, 1, len(batch), now_ms=now_ms), batch)
    with redis_required():
        async with redis.pipeline(transaction=True) as pipe:
            stage(pipe, list(jobs.values()), now_ms=now_ms)
            await pipe.execute()
    return Replayed(tuple(jobs), tuple(trace_id for trace_id in letters if trace_id not in jobs))
