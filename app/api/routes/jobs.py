"""Routes for long jobs: reading their progress and ending them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from app.access.administration import record
from app.api.administration import line_of
from app.api.dependencies import Project, Reading, Serving
from app.api.responses import json_response
from app.errors import Conflict, NotFound
from app.jobs import announce, show
from app.jobs.kinds import JobKind
from app.storage.engine import writing
from app.storage.evaluations.parts import drop_payloads
from app.storage.upkeep.jobs import cancel_job, list_jobs, read_job

__all__ = ["router"]

router = APIRouter(prefix="/jobs", tags=["jobs"])

_NONE = "There is no job with this id."


@router.get("")
async def get_jobs(
    connection: Reading,
    project: Project,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[AwareDatetime | None, Query(description="Only jobs that were made earlier.")] = None,
) -> Response:
    """List the jobs of the project, the newest first."""
    jobs = await list_jobs(connection, project, before=before, limit=limit)
    return json_response({"jobs": [show(job) for job in jobs]})


@router.get("/{job_id}")
async def get_job(connection: Reading, project: Project, job_id: UUID) -> Response:
    """Return the progress of a job."""
    job = await read_job(connection, project, job_id)
    if job is None:
        raise NotFound(_NONE)
    return json_response(show(job))


@router.delete("/{job_id}")
async def delete_job(request: Request, serving: Serving, project: Project, job_id: UUID) -> Response:
    """End a job. The steps that it has finished stay done."""
    async with writing(serving.engine) as connection:
        cancelled = await cancel_job(connection, project, job_id)
        job = await read_job(connection, project, job_id)
        if job and cancelled:
            line = line_of(request, serving, project)
            await record(connection, line, "job.cancelled", str(job_id), kind=job.kind, done=job.done)
    if job is None:
        raise NotFound(_NONE)
    if not cancelled:
        raise Conflict(f"This job has ended already: it is {job.state}.")
    if job.kind == JobKind.EVALUATE:
        async with writing(serving.engine) as connection:
            await drop_payloads(connection, project, job_id)
    await announce(serving.redis, project, job)
    return json_response(show(job))
