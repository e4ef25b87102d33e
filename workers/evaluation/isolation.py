"""Finding the record that makes a job fail: the job is halved until that record is alone, and then buried."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec
from redis.asyncio import Redis

from app.queue import JobName, NewJob, replace_job
from app.schemas.queued import Batch, decode_batch, encode
from monitoring.bisection import halves
from workers.evaluation.payload import letter_of, open_payload
from workers.evaluation.storing import Job, Storing

__all__ = ["Isolation"]

logger = logging.getLogger(__name__)


class Isolation:
    """Takes apart jobs that failed as a whole; `clock` returns Unix milliseconds."""

    def __init__(self, redis: Redis, storing: Storing, clock: Callable[[], int]) -> None:
        self._redis = redis
        self._storing = storing
        self._clock = clock

    async def isolate(self, name: JobName, payload: bytes, attempts: int, reason: str, detail: str) -> None:
        """Halve a job that failed as a whole, or bury the record that is left alone."""
        opened = open_payload(name, payload, self._clock())
        if name.records > 1 and len(opened.envelopes) > 1:
            await self.halve(name, payload)
            return
        letters = [letter_of(name, envelope, reason, detail, attempts) for envelope in opened.envelopes]
        dead = [*letters, *opened.unreadable]
        await self._storing.store(Job(name.project_id, str(name), [], dead, 0, opened.unread))

    async def halve(self, name: JobName, payload: bytes) -> None:
        """Replace a job by two halves: first in Postgres, where no other try can settle it then, then in Redis.

        Their names follow from its own, so that a second replacement after a crash changes nothing.
        """
        batch = decode_batch(payload)
        if not await self._storing.replace(name.project_id, str(name)):
            return
        jobs = [
            _half(name, side, part, batch.reply_to)
            for side, part in zip("ab", halves(batch.envelopes), strict=True)
        ]
        await replace_job(self._redis, name, jobs, now_ms=self._clock())
        logger.warning("job %s was halved to find the record that fails", name)


def _half(name: JobName, side: str, envelopes: Sequence[msgspec.Raw], reply_to: str | None) -> NewJob:
    payload = encode(Batch(envelopes=tuple(envelopes), reply_to=reply_to))
    return NewJob(JobName(name.project_id, len(envelopes), f"{name.token}{side}", len(payload)), payload)
