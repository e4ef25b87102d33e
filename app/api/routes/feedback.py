"""Routes for what people thought of responses."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final
from uuid import UUID

from fastapi import APIRouter

from app.api.dependencies import Figures, Project, Services, Serving, Writing
from app.api.feedback import FeedbackIn, FeedbackOut, Opinion
from app.api.openapi import FEEDBACK_BODY
from app.api.periods import Period
from app.api.recent import may_be_queued
from app.errors import NotFound
from app.reports.feedback import FeedbackReport, read_feedback_report
from app.schemas.feedback import Feedback
from app.storage.engine import Connection
from app.storage.traces.feedback import add_feedback, find_stored, is_stored

__all__ = ["router"]

router = APIRouter(prefix="/feedback", tags=["feedback"])

_RETRY_SECONDS: Final = 1  # the record may be on its way, and overtaken by its feedback


@router.post("", status_code=HTTPStatus.CREATED, **FEEDBACK_BODY)
async def post_feedback(
    body: Opinion, connection: Writing, serving: Serving, project: Project
) -> FeedbackOut:
    """Store one opinion about a trace, which may still be in the queue.

    The trace is named by its trace id, or by the id that the client sent with the record.
    """
    now = serving.clock()
    trace_id = await _find(serving, connection, project, body)
    opinion = await _redacted(serving, project, body.to_feedback(trace_id, now))
    await add_feedback(connection, project, opinion)
    return FeedbackOut.of(opinion)


async def _find(serving: Services, connection: Connection, project: str, body: FeedbackIn) -> UUID:
    if (given := body.trace_id) is not None:
        if await is_stored(connection, project, given) or may_be_queued(given, serving.clock()):
            return given
        raise NotFound("There is no trace with this id, so the feedback was not stored.")
    client_id = body.client_id or ""
    found = await serving.ingest.find_accepted(project, client_id)
    found = found or await find_stored(connection, project, client_id)
    if found is None:
        raise NotFound(
            "No record with this id was accepted, so the feedback was not stored: send the record first.",
            retry_after=_RETRY_SECONDS,
        )
    return found


async def _redacted(serving: Services, project: str, opinion: Feedback) -> Feedback:
    redaction = (await serving.projects.find(project)).redaction
    if not redaction.on:
        return opinion
    serving.privacy.require(redaction)
    return await asyncio.to_thread(serving.privacy.redact_feedback, project, redaction, opinion)


@router.get("")
async def get_feedback(connection: Figures, project: Project, window: Period) -> FeedbackReport:
    """Report how satisfied people were, what they complained about, and what that suggests."""
    return await read_feedback_report(connection, project, window)
