"""Routes for labels: what people found out about stored calls."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response

from app.api.administration import line_of, read_struct
from app.api.dependencies import Project, Services, Serving
from app.api.labels import LabelIn
from app.api.operations import LABEL_BODY
from app.api.recent import missing_trace
from app.api.responses import json_response
from app.catalogue import read_raisers
from app.review.labelling import LabelRequest, give_label, take_back_label
from app.storage.engine import writing

__all__ = ["router"]

router = APIRouter(prefix="/traces/{trace_id}/labels", tags=["review"])

_BODY_BYTES = 64 * 1024


@router.post("", **LABEL_BODY)
async def post_label(request: Request, serving: Serving, project: Project, trace_id: UUID) -> Response:
    """Say that a finding is a true or a false alarm, or give the call a score.

    It replaces what the same key said about the same finding before. Of several people the majority
    decides, and a tie decides nothing.
    """
    asked = (await read_struct(request, LabelIn, limit=_BODY_BYTES)).to_request()
    asked = await _redacted(serving, project, trace_id, asked)
    line = line_of(request, serving, project)
    raisers = await read_raisers(serving.redis)
    async with writing(serving.engine) as connection:
        label = await give_label(connection, line, trace_id, asked, raisers)
    if label is None:
        raise missing_trace(trace_id, serving.clock())
    return json_response(label, HTTPStatus.CREATED)


async def _redacted(serving: Services, project: str, trace_id: UUID, asked: LabelRequest) -> LabelRequest:
    redaction = (await serving.projects.find(project)).redaction
    if asked.comment is None or not redaction.on:
        return asked
    serving.privacy.require(redaction)
    comment = await asyncio.to_thread(
        serving.privacy.redact_comment, project, redaction, trace_id, asked.comment
    )
    return msgspec.structs.replace(asked, comment=comment)


@router.delete("/{label_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_label(
    request: Request, serving: Serving, project: Project, trace_id: UUID, label_id: UUID
) -> Response:
    """Take a label back."""
    async with writing(serving.engine) as connection:
        await take_back_label(connection, line_of(request, serving, project), trace_id, label_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)
