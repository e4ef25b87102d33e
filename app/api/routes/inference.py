"""Taking in LLM calls, one at a time or many."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from app.api.bodies import read_body
from app.api.dependencies import Project, Serving
from app.api.inference import answer_bulk, answer_single, bulk_keys, parse_many, parse_one
from app.api.openapi import BULK_BODY, RECORD_BODY
from app.api.preferences import read_preference

__all__ = ["router"]

router = APIRouter(prefix="/monitor", tags=["monitor"])


@router.post("/inference", **RECORD_BODY)
async def post_inference(request: Request, serving: Serving, project: Project) -> Response:
    """Score one LLM call; the answer carries its scores, or 202 and where they will be."""
    body = await read_body(request, limit=serving.settings.max_body_bytes, formats=("json",))
    preference = read_preference(
        request.headers.getlist("prefer"), default_seconds=serving.settings.result_wait_seconds
    )
    record = await parse_one(serving.bodies, project, body)
    submission = await serving.ingest.accept(
        [record],
        project_id=project,
        source="live",
        keys=[request.headers.get("idempotency-key")],
        wait_seconds=preference.wait_seconds,
    )
    return answer_single(submission, preference)


@router.post("/inferences", **BULK_BODY)
async def post_inferences(
    request: Request, serving: Serving, project: Project, source: Literal["live", "import"] = "live"
) -> Response:
    """Take up to 50,000 LLM calls, as a JSON array or NDJSON, and answer when they are durably queued.

    `rejected` counts the lines that were not taken, and `errors` lists the first 1,000 of them.
    """
    body = await read_body(request, limit=serving.settings.max_body_bytes, formats=("json", "ndjson"))
    lines = await parse_many(serving.bodies, project, body)
    keys = bulk_keys(request.headers.get("idempotency-key"), lines)
    submission = await serving.ingest.accept(lines, project_id=project, source=source, keys=keys)
    return await answer_bulk(submission)
