"""Jobs as the API shows them: without their parameters, which may name people."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.events import Event, publish_event
from app.jobs.kinds import JobKind
from app.jobs.pace import pace_of
from app.storage.upkeep.jobs import Job, JobState

__all__ = ["JobView", "announce", "show"]

logger = logging.getLogger(__name__)


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a job and its result.

    It has `done` of `total` things (null: the number is unknown). `failed` of an evaluation were
    given up. At `rate_per_s` things a second the rest takes `eta_seconds`; null is unknown.

    `state` is queued, running, done, failed or cancelled. `error` names the error of the last
    attempt at a step.
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
    failed: int | None = None
    rate_per_s: float | None = None
    eta_seconds: float | None = None


def show(job: Job) -> JobView:
    """Return what may be shown of a job."""
    shown = {name: getattr(job, name) for name in JobView.__struct_fields__ if name in Job.__struct_fields__}
    if job.kind != JobKind.EVALUATE:
        return JobView(**shown)
    pace = pace_of(job)
    running = job.state in {"queued", "running"}
    return JobView(
        **shown,
        failed=pace.failed,
        rate_per_s=pace.rate_per_s if running else None,
        eta_seconds=pace.eta_seconds(job.done, job.total or 0) if running else None,
    )


async def announce(redis: Redis, project_id: str, job: Job) -> None:
    """Send live views the progress of a job. The job does not fail if that does not work."""
    try:
        await publish_event(redis, Event("job", project_id, msgspec.to_builtins(show(job))))
    except (RedisError, OSError) as error:
        logger.warning("news of job %s was lost: %s", job.job_id, type(error).__name__)
