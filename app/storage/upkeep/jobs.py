"""Long work with progress: the rows of the jobs table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import jobs

__all__ = [
    "Claim",
    "Due",
    "Job",
    "JobState",
    "add_job",
    "cancel_job",
    "claim_job",
    "due_jobs",
    "list_jobs",
    "read_job",
    "renew_claim",
    "save_step",
]

JobState = Literal["queued", "running", "done", "failed", "cancelled"]

_OPEN = jobs.c.state.in_(("queued", "running"))


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of long work: what kind, how far, and what it was asked to do.

    `done` of `total` things are done (None: nobody knows how many there are), `cursor` is where the next
    step goes on, `attempts` counts the tries of that step so far.
    """

    job_id: UUID
    kind: str
    state: JobState
    parameters: dict[str, Any]
    created_at: datetime
    total: int | None = None
    done: int = 0
    cursor: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    error: str | None = None
    attempts: int = 0
    updated_at: datetime | None = None


class Due(msgspec.Struct, frozen=True):
    """An open job whose next step may be taken now."""

    project_id: str
    job_id: UUID


class Claim(msgspec.Struct):
    """The right of one runner to take a job's next step, `until` somebody else may."""

    project_id: str
    job: Job
    until: datetime


_COLUMNS = [jobs.c[name] for name in Job.__struct_fields__]


def _of(project_id: str, job_id: UUID) -> ColumnElement[bool]:
    return (jobs.c.project_id == project_id) & (jobs.c.job_id == job_id)


async def add_job(connection: AsyncConnection, project_id: str, job: Job) -> None:
    """Store a new job."""
    given = {name: value for name, value in msgspec.structs.asdict(job).items() if value is not None}
    await connection.execute(insert(jobs).values(project_id=project_id, **given))


async def read_job(
    connection: AsyncConnection, project_id: str, job_id: UUID, kind: str | None = None
) -> Job | None:
    """Return a job, where it is named of this kind, None when there is none."""
    statement = select(*_COLUMNS).where(_of(project_id, job_id))
    if kind is not None:
        statement = statement.where(jobs.c.kind == kind)
    row = (await connection.execute(statement)).first()
    return Job(**row._asdict()) if row else None


async def list_jobs(
    connection: AsyncConnection, project_id: str, *, before: datetime | None = None, limit: int = 50
) -> list[Job]:
    """Return the newest jobs of a project, made earlier than `before` where it is given."""
    statement = (
        select(*_COLUMNS)
        .where(jobs.c.project_id == project_id)
        .order_by(jobs.c.created_at.desc(), jobs.c.job_id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(jobs.c.created_at < before)
    return [Job(**row._asdict()) for row in await connection.execute(statement)]


async def due_jobs(connection: AsyncConnection, kinds: list[str], *, limit: int = 8) -> list[Due]:
    """Return open jobs of these kinds whose next step is due, the one that waited longest first."""
    rows = await connection.execute(
        select(jobs.c.project_id, jobs.c.job_id)
        .where(_OPEN, jobs.c.due_at <= func.now(), jobs.c.kind.in_(kinds))
        .order_by(jobs.c.due_at)
        .limit(limit)
    )
    return [Due(row.project_id, row.job_id) for row in rows]


async def claim_job(connection: AsyncConnection, due: Due, lease: timedelta) -> Claim | None:
    """Count a try of the job's next step and keep others from it for `lease`; None when it is not due."""
    row = (
        await connection.execute(
            update(jobs)
            .where(_of(due.project_id, due.job_id), _OPEN, jobs.c.due_at <= func.now())
            .values(state="running", attempts=jobs.c.attempts + 1, due_at=func.now() + lease)
            .returning(*_COLUMNS, jobs.c.due_at)
        )
    ).first()
    if row is None:
        return None
    values = row._asdict()
    return Claim(project_id=due.project_id, until=values.pop("due_at"), job=Job(**values))


async def renew_claim(connection: AsyncConnection, claim: Claim, lease: timedelta) -> None:
    """Keep others from the step for another `lease`, unless the claim is lost."""
    claim.until = (
        await connection.scalar(
            update(jobs).where(*_claimed(claim)).values(due_at=func.now() + lease).returning(jobs.c.due_at)
        )
    ) or claim.until


async def save_step(connection: AsyncConnection, claim: Claim, wait: timedelta, **values: Any) -> bool:
    """Keep how far the job is, in the transaction that did the step, and give up the claim.

    False when the job was cancelled or its step taken by another runner: this transaction must be undone.
    """
    row = await connection.execute(
        update(jobs)
        .where(*_claimed(claim))
        .values(due_at=func.now() + wait, updated_at=func.now(), **values)
        .returning(jobs.c.job_id)
    )
    return row.first() is not None


def _claimed(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    # The end of the lease is the fence: whoever claims a step after us has moved it.
    return _of(claim.project_id, claim.job.job_id), _OPEN, jobs.c.due_at == claim.until


async def cancel_job(connection: AsyncConnection, project_id: str, job_id: UUID) -> bool:
    """End an open job where it is; what its finished steps did stays done. False when it has ended."""
    row = await connection.execute(
        update(jobs)
        .where(_of(project_id, job_id), _OPEN)
        .values(state="cancelled", updated_at=func.now())
        .returning(jobs.c.job_id)
    )
    return row.first() is not None
