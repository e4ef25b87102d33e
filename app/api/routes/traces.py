"""Stored LLM calls: a list page by page, and each one whole."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.api.dependencies import Project, Reading, Serving
from app.api.paging import page_of, read_cursor
from app.api.recent import missing_trace
from app.api.responses import json_response
from app.api.tracing import TraceQuery, describe
from app.storage.feedback import read_feedback
from app.storage.traces import read_page, read_trace

__all__ = ["router"]

router = APIRouter(prefix="/traces", tags=["traces"])


@router.get("")
async def get_traces(
    connection: Reading, project: Project, serving: Serving, query: Annotated[TraceQuery, Query()]
) -> Response:
    """List traces, newest first; `next` is the cursor of the following page, null on the last."""
    filters, before = query.filters(serving.clock()), read_cursor(query.cursor)
    rows = await read_page(connection, project, filters, before=before, limit=query.limit + 1)
    return json_response(page_of(rows, query.limit))


@router.get("/{trace_id}")
async def get_trace(connection: Reading, project: Project, serving: Serving, trace_id: UUID) -> Response:
    """Return one trace with its texts, scores, evidence and feedback."""
    trace = await read_trace(connection, project, trace_id)
    if trace is None:
        raise missing_trace(trace_id, serving.clock())
    return json_response(describe(trace, await read_feedback(connection, project, trace_id)))
