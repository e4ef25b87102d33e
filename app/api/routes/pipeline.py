"""Where every accepted record is, and the records that were given up."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from app.api.dependencies import Project, Reading, Serving, Writing
from app.api.responses import json_response
from app.errors import NotFound
from app.ingest.outage import redis_required
from app.ingest.replay import replay
from app.reports.pipeline import PipelineReport, read_pipeline
from app.storage.dead_letter_reads import mark_replayed, read_dead_letters

__all__ = ["router"]

router = APIRouter(prefix="/pipeline", tags=["pipeline"])


@router.get("")
async def get_pipeline(connection: Reading, serving: Serving) -> PipelineReport:
    """Tell what became of every accepted record, and how long the queue is."""
    with redis_required():
        return await read_pipeline(connection, serving.redis, serving.clock())


@router.get("/dead")
async def get_dead_letters(
    connection: Reading,
    project: Project,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[AwareDatetime | None, Query(description="Only those given up earlier.")] = None,
) -> Response:
    """List the records that could not be scored or stored, the newest first, with the reason."""
    letters = await read_dead_letters(connection, project, before=before, limit=limit)
    return json_response({"dead_letters": letters})


@router.post("/dead/{trace_id}/replay", status_code=HTTPStatus.ACCEPTED)
async def post_replay(connection: Writing, serving: Serving, project: Project, trace_id: UUID) -> Response:
    """Queue a record that was given up once more, under the same trace id."""
    payload = await mark_replayed(connection, project, trace_id)
    if payload is None:
        raise NotFound("No record was given up under this id.")
    await replay(serving.redis, project, payload, now_ms=int(serving.clock().timestamp() * 1000))
    location = f"/traces/{trace_id}"
    return json_response(
        {"trace_id": trace_id, "status": "queued"}, HTTPStatus.ACCEPTED, {"Location": location}
    )
