"""Jobs as they are shown: without their parameters, which may name people."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.events import Event, publish_event
from app.storage.upkeep.jobs import Job, JobState

__all__ = ["JobView", "announce", "show"]

logger = logging.getLogger(__name__)


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is: `done` of `total` things (null: nobody knows how many), and what came of it.

    `state` is queued, running, done, failed or cancelled; `error` says what the last try of a step met.
    """

    job_id: UUID
    kind: str
    state: JobState
    done: int
    total: int | None
    result: dict[str, Any] | None
    error: str | None
    created_at: datetime
    updated_at: datetime | None


def show(job: Job) -> JobView:
    """Return what may be shown of a job."""
    return JobView(**{name: getattr(job, name) for name in JobView.__struct_fields__})


async def announce(redis: Redis, project_id: str, job: Job) -> None:
    """Tell live views how far a job is; that nobody hears it is no failure of the job."""
    try:
        await publish_event(redis, Event("job", project_id, msgspec.to_builtins(show(job))))
    except (RedisError, OSError) as error:
        logger.warning("news of job %s was lost: %s", job.job_id, type(error).__name__)
