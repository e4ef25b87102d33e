"""What people thought of responses."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from fastapi import APIRouter

from app.api.dependencies import Figures, Project, Services, Serving, Writing
from app.api.feedback import FeedbackOut, Opinion
from app.api.openapi import FEEDBACK_BODY
from app.api.periods import Period
from app.api.recent import may_be_queued
from app.errors import NotFound
from app.reports.feedback import FeedbackReport, read_feedback_report
from app.schemas.feedback import Feedback
from app.storage.traces.feedback import add_feedback, is_stored

__all__ = ["router"]

router = APIRouter(prefix="/feedback", tags=["feedback"])


@router.post("", status_code=HTTPStatus.CREATED, **FEEDBACK_BODY)
async def post_feedback(
    body: Opinion, connection: Writing, serving: Serving, project: Project
) -> FeedbackOut:
    """Keep one opinion about a trace, which may still be on its way into storage."""
    now = serving.clock()
    if not (await is_stored(connection, project, body.trace_id) or may_be_queued(body.trace_id, now)):
        raise NotFound("No trace is stored under this id, so nothing was kept.")
    opinion = await _redacted(serving, project, body.to_feedback(now))
    await add_feedback(connection, project, opinion)
    return FeedbackOut.of(opinion)


async def _redacted(serving: Services, project: str, opinion: Feedback) -> Feedback:
    redaction = (await serving.projects.find(project)).redaction
    if not redaction.on:
        return opinion
    serving.privacy.require(redaction)
    return await asyncio.to_thread(serving.privacy.redact_feedback, project, redaction, opinion)


@router.get("")
async def get_feedback(connection: Figures, project: Project, window: Period) -> FeedbackReport:
    """Tell how satisfied people were, what they complain about, and what that suggests."""
    return await read_feedback_report(connection, project, window)
