"""Which jobs a process has in hand and how often each was begun: what is left of a process that died."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import redis as blocking
from arq.constants import in_progress_key_prefix
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.queue import REDELIVERED_KEY, WORKERS_KEY, JobName
from workers.evaluation.last_job import LastJob

__all__ = ["Attempts", "release"]

logger = logging.getLogger(__name__)

_EXPIRE_SECONDS = 30 * 24 * 3600
_END_SECONDS = 0.5
_RELEASE_SECONDS = 2


class Attempts:
    """Counts the tries of jobs in Redis, lists those of the process named `worker`, and notes which is scored."""

    def __init__(self, redis: Redis, worker: str, box: LastJob) -> None:
        self._redis = redis
        self._box = box
        self._claims = _claims_key(worker)

    async def begin(self, job: JobName) -> int:
        """Count a try and return its number; above 1 the try before ended without a word."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.incr(_attempts_key(job))
            pipe.expire(_attempts_key(job), _EXPIRE_SECONDS)
            pipe.sadd(self._claims, str(job))
            pipe.expire(self._claims, _EXPIRE_SECONDS)
            number = int((await pipe.execute())[0])
        if number > 1:
            commands: Any = self._redis
            await commands.hincrby(REDELIVERED_KEY, job.project_id, 1)
        return number

    def note_scoring(self, job: JobName | None) -> None:
        """Say which job is scored from now on, for the parent to read if this process dies of it."""
        self._box.note(str(job or ""))

    async def end(self, job: JobName, *, forget: bool = True) -> None:
        """Put a job down; with `forget` this try ended with a word and counts no more.

        Never raises and takes half a second at most: a job is not lost for a count that stays.
        """
        try:
            async with asyncio.timeout(_END_SECONDS), self._redis.pipeline(transaction=True) as pipe:
                if forget:
                    pipe.delete(_attempts_key(job))
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
        jobs = commands.smembers(_claims_key(worker))
        for job in (name.decode() for name in jobs):
            commands.delete(f"{in_progress_key_prefix}{job}")
            if scored and job != scored:
                commands.delete(_attempts_key(job))
        commands.delete(_claims_key(worker))
        if jobs:
            logger.warning("%d jobs of %s are delivered again", len(jobs), worker)


def _attempts_key(job: JobName | str) -> str:
    return f"llm-monitor:attempts:{job}"


def _claims_key(worker: str) -> str:
    return f"llm-monitor:claims:{worker}"
