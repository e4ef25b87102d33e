"""Routes that score calls that are not live traffic: a short list at once, any number as a job."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import Project, Reading, Serving
from app.api.evaluations import answer_evaluation, known_evaluation, progress
from app.api.openapi import EVALUATION_BODY, EVALUATION_SHOWN, RESULTS_SHOWN
from app.api.preferences import read_preference
from app.api.responses import json_response
from app.api.results import ResultQuery, answer_file, answer_page, chosen_format
from app.api.uploads import Short, take_body
from app.errors import NotFound
from app.jobs.kinds import JobKind
from app.storage.engine import reading
from app.storage.upkeep.jobs import read_job

__all__ = ["router"]

router = APIRouter(prefix="/evaluate", tags=["evaluate"])

_NONE = "There is no evaluation with this id."


@router.post("", **EVALUATION_BODY)
async def post_evaluation(request: Request, serving: Serving, project: Project) -> Response:
    """Score calls and store them with source `evaluate`: up to 1,000,000 items and 2 GiB.

    The body is a JSON list, NDJSON, CSV, Parquet, or multipart with one part `file`. Up to 1,000
    items are answered at once. More get 202 and a job: they are scored by what live traffic leaves
    of the machine. Items that cannot be read are refused by their line, and the others are
    accepted. A body that breaks off leaves nothing behind. A retry with the same Idempotency-Key
    gets the evaluation of the first try.
    """
    preference = read_preference(
        request.headers.getlist("prefer"), default_seconds=serving.settings.result_wait_seconds
    )
    key = request.headers.get("idempotency-key")
    job_id, known = await known_evaluation(serving, project, key)
    if known is not None:
        return json_response(known, HTTPStatus.ACCEPTED, {"Location": f"/evaluate/{job_id}"})
    body = await take_body(request, serving, project, job_id)
    if not isinstance(body, Short):
        return body
    submission = await serving.ingest.accept(
        [record for _, record, _ in body.items],
        project_id=project,
        source="evaluate",
        keys=None
        if key is None
        else [f"{key}:{line}" if record.id is None else None for line, record, _ in body.items],
        wait_seconds=preference.wait_seconds,
    )
    return await answer_evaluation(serving, project, job_id, body.items, body.read, submission, preference)


@router.get("/{job_id}", **EVALUATION_SHOWN)
async def get_evaluation(connection: Reading, project: Project, job_id: UUID) -> Response:
    """Return the progress of an evaluation, of up to 1,000 items with the scores so far."""
    job = await read_job(connection, project, job_id, JobKind.EVALUATE)
    if job is None:
        raise NotFound(_NONE)
    return json_response(await progress(connection, project, job))


@router.get("/{job_id}/results", **RESULTS_SHOWN)
async def get_results(
    request: Request, serving: Serving, project: Project, job_id: UUID, query: Annotated[ResultQuery, Query()]
) -> Response:
    """Return results in the order of the items, so far as they exist.

    They come as pages of JSON, or as one file: NDJSON, CSV or Parquet, by `format` or Accept.
    """
    async with reading(serving.engine) as connection:
        job = await read_job(connection, project, job_id, JobKind.EVALUATE)
    if job is None:
        raise NotFound(_NONE)
    form = chosen_format(query, request.headers.get("accept", ""))
    if form is None:
        return await answer_page(serving, project, job_id, query)
    return await answer_file(serving, project, job_id, query, form)
