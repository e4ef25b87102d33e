"""Long work with progress: the rows of the jobs table."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import jobs

__all__ = ["Job", "add_job", "read_job"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of long work: what kind, how far, and what it was asked to do."""

    job_id: UUID
    kind: str
    state: str
    total: int | None
    parameters: dict[str, Any]
    done: int = 0
    created_at: datetime


async def add_job(connection: AsyncConnection, project_id: str, job: Job) -> None:
    """Store a new job."""
    await connection.execute(insert(jobs).values(project_id=project_id, **msgspec.structs.asdict(job)))


async def read_job(connection: AsyncConnection, project_id: str, job_id: UUID, kind: str) -> Job | None:
    """Return a job of this kind, None when there is none."""
    row = (
        await connection.execute(
            select(*(jobs.c[name] for name in Job.__struct_fields__)).where(
                jobs.c.project_id == project_id, jobs.c.job_id == job_id, jobs.c.kind == kind
            )
        )
    ).first()
    return Job(**row._asdict()) if row else None
