"""Giving a dead letter another try."""

from __future__ import annotations

import msgspec
from redis.asyncio import Redis

from app.errors import Conflict
from app.ingest.outage import redis_required
from app.queue import JobName, NewJob, stage
from app.schemas.queued import Batch, decode_envelope, encode

__all__ = ["replay"]


async def replay(redis: Redis, project_id: str, payload: bytes, *, now_ms: int) -> None:
    """Queue the envelope of a dead letter as a job of its own, counted as accepted once more.

    Its first outcome stays counted as dead, so the ledger stays balanced; the letter goes when the record
    is stored. Raises Conflict for a payload
    that is no envelope, Unavailable when the queue does not take it.
    """
    try:
        envelope = decode_envelope(payload)
    except msgspec.MsgspecError as error:
        raise Conflict("This record cannot be read, so trying it again would change nothing.") from error
    again = msgspec.structs.replace(envelope, retried=True, waited=False)
    batch = encode(Batch(envelopes=(msgspec.Raw(encode(again)),)))
    job = NewJob(JobName.new(project_id, 1, len(batch)), batch, waited=False)
    with redis_required():
        async with redis.pipeline(transaction=True) as pipe:
            stage(pipe, [job], now_ms=now_ms)
            await pipe.execute()
