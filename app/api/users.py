"""Asking for an erasure."""

from __future__ import annotations

from http import HTTPStatus
from uuid import uuid4

import msgspec
from fastapi import Response

from app.access.administration import Line, record
from app.access.identity import Identity
from app.api.dependencies import Services
from app.api.responses import json_response
from app.jobs import announce, show
from app.jobs.erasure import Target
from app.jobs.kinds import JobKind
from app.storage.engine import writing
from app.storage.upkeep.jobs import Job, add_job

__all__ = ["answer_erasure"]


async def answer_erasure(services: Services, caller: Identity, target: Target) -> Response:
    """Return 202 with the job that erases a user's data or one trace.

    The audit log names the job and not the user, who is not to be found anywhere afterwards.
    """
    project_id = caller.project_id
    job = Job(
        job_id=uuid4(),
        kind=JobKind.ERASE,
        state="queued",
        parameters=msgspec.to_builtins(target),
        created_at=services.clock(),
    )
    async with writing(services.engine) as connection:
        await add_job(connection, project_id, job)
        line = Line(project_id, caller.actor, job.created_at)
        of = "trace" if target.trace_id else "user"
        await record(connection, line, "erasure.requested", str(job.job_id), of=of)
    await announce(services.redis, project_id, job)
    return json_response(show(job), HTTPStatus.ACCEPTED, {"Location": f"/jobs/{job.job_id}"})
