"""Scoring a list of calls that are no live traffic."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.bodies import read_body
from app.api.dependencies import Project, Reading, Serving
from app.api.evaluations import answer_evaluation, check_size, progress
from app.api.inference import bulk_keys, parse_many
from app.api.openapi import LIST_BODY
from app.api.preferences import read_preference
from app.api.responses import json_response
from app.errors import NotFound
from app.jobs.kinds import JobKind
from app.storage.upkeep.jobs import read_job

__all__ = ["router"]

router = APIRouter(prefix="/evaluate", tags=["evaluate"])


@router.post("", **LIST_BODY)
async def post_evaluation(request: Request, serving: Serving, project: Project) -> Response:
    """Score a list of calls, kept with source `evaluate`; 202 and a job when that takes longer."""
    body = await read_body(request, limit=serving.settings.max_body_bytes, formats=("json",))
    preference = read_preference(
        request.headers.getlist("prefer"), default_seconds=serving.settings.result_wait_seconds
    )
    lines = check_size(await parse_many(serving.bodies, project, body))
    submission = await serving.ingest.accept(
        lines,
        project_id=project,
        source="evaluate",
        keys=bulk_keys(request.headers.get("idempotency-key"), lines),
        wait_seconds=preference.wait_seconds,
    )
    return await answer_evaluation(serving, project, submission, preference)


@router.get("/{job_id}")
async def get_evaluation(connection: Reading, project: Project, job_id: UUID) -> Response:
    """Tell how far an evaluation is, with the scores that are there."""
    job = await read_job(connection, project, job_id, JobKind.EVALUATE)
    if job is None:
        raise NotFound("No evaluation runs or ran under this id.")
    return json_response(await progress(connection, project, job))
