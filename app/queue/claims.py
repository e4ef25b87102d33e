"""Which jobs a process has in hand and how often each was begun: what is left of a process that died."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import redis as blocking
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.queue.names import (
    REDELIVERED_KEY,
    WORKERS_KEY,
    JobName,
    attempts_key,
    claim_key,
    worker_claims_key,
)

__all__ = ["Claims", "release"]

logger = logging.getLogger(__name__)

_EXPIRE_SECONDS = 30 * 24 * 3600
_END_SECONDS = 0.5
_RELEASE_SECONDS = 2


class Claims:
    """Counts in Redis how often jobs were begun, and lists there which ones the process named `worker` has in hand."""

    def __init__(self, redis: Redis, worker: str) -> None:
        self._redis = redis
        self._claims = worker_claims_key(worker)

    async def begin(self, job: JobName) -> int:
        """Count a try and return its number; above 1 the try before ended without a word."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.incr(attempts_key(job))
            pipe.expire(attempts_key(job), _EXPIRE_SECONDS)
            pipe.sadd(self._claims, str(job))
            pipe.expire(self._claims, _EXPIRE_SECONDS)
            number = int((await pipe.execute())[0])
        if number > 1:
            commands: Any = self._redis
            await commands.hincrby(REDELIVERED_KEY, job.project_id, 1)
        return number

    async def end(self, job: JobName, *, forget: bool = True) -> None:
        """Put a job down; with `forget` this try ended with a word and counts no more.

        Never raises and takes half a second at most: a job is not lost for a count that stays.
        """
        try:
            async with asyncio.timeout(_END_SECONDS), self._redis.pipeline(transaction=True) as pipe:
                if forget:
                    pipe.delete(attempts_key(job))
                pipe.srem(self._claims, str(job))
                await pipe.execute()
        except (RedisError, OSError) as error:
            logger.warning("the try of job %s stays counted: %s", job, type(error).__name__)


def release(redis_url: str, worker: str, *, scored: str) -> None:
    """Let the jobs of a process that died be delivered at once, instead of when arq's claim on them ends.

    `scored` is the job that was being scored: it alone is suspected, and the try of another that was written
    or waited beside it is taken back. Where none was, all are suspected. Trouble of Redis is passed over: then they come when the claim ends.
    """
    with (
        suppress(RedisError, OSError),
        blocking.Redis.from_url(
            redis_url, socket_connect_timeout=_RELEASE_SECONDS, socket_timeout=_RELEASE_SECONDS
        ) as redis,
    ):
        commands: Any = redis
        commands.hdel(WORKERS_KEY, worker)
        jobs = commands.smembers(worker_claims_key(worker))
        for job in (name.decode() for name in jobs):
            commands.delete(claim_key(job))
            if scored and job != scored:
                commands.delete(attempts_key(job))
        commands.delete(worker_claims_key(worker))
        if jobs:
            logger.warning("%d jobs of %s are delivered again", len(jobs), worker)
