"""Judging a text before a user sees it."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.bodies import read_body
from app.api.dependencies import Project, Services, Serving
from app.api.openapi import GUARD_BODY
from app.api.responses import json_response
from app.errors import InvalidRecord, Overloaded, Unavailable
from app.schemas.guard import GuardAnswer
from app.schemas.kinds import Kind
from app.schemas.records import Rejection, read_guarded
from monitoring.models import Record

__all__ = ["router"]

router = APIRouter(tags=["guard"])

# Scoring is linear in the text, and somebody waits.
_MOST_BYTES = 256 * 1024
_RECORD_SECONDS = 1.0


@router.post("/guard", **GUARD_BODY)
async def post_guard(request: Request, serving: Serving, project: Project) -> Response:
    """Say whether a prompt, a response or both may pass; the call is recorded with the verdict."""
    limit = min(_MOST_BYTES, serving.settings.max_body_bytes)
    body = await read_body(request, limit=limit, formats=("json",))
    record = read_guarded(body.content)
    decision = await serving.guard.judge(project, record, await serving.projects.find(project))
    key = request.headers.get("idempotency-key")
    trace_id = await _record(serving, project, record, decision.verdict, key)
    answer = GuardAnswer(**decision._asdict(), trace_id=trace_id, recorded=trace_id is not None)
    return json_response(answer)


async def _record(
    serving: Services, project: str, record: Record, verdict: str, key: str | None
) -> UUID | None:
    """Queue the record with its verdict; None where the queue does not take it now.

    Who asks has a user waiting, so the verdict is not held back for the sake of the record. Raises
    InvalidRecord.
    """
    kind = Kind.LLM if record.prompt and record.response else Kind.GUARD
    try:
        async with asyncio.timeout(_RECORD_SECONDS):
            submission = await serving.ingest.accept(
                [record], project_id=project, source="live", keys=[key], kind=kind, guard=verdict
            )
    except (Unavailable, Overloaded, TimeoutError):
        return None
    (outcome,) = submission.outcomes
    if isinstance(outcome, Rejection):
        raise InvalidRecord(
            f"The record was not taken: {outcome.message}.",
            errors=[{"field": outcome.field, "message": outcome.message}],
        )
    return outcome.trace_id
