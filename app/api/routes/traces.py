"""Routes for stored LLM calls: a list in pages, and each one in full."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.api.dependencies import Caller, Project, Reading, Serving
from app.api.paging import page_of, read_cursor, read_place, write_place
from app.api.recent import may_be_queued, missing_trace
from app.api.responses import json_response
from app.api.traces import TraceQuery, describe
from app.api.users import answer_erasure
from app.jobs.erasure import Target
from app.reports.trees import grow
from app.storage.engine import reading
from app.storage.ledger.dead_letter_reads import dead_ids
from app.storage.traces.feedback import is_stored, read_feedback
from app.storage.traces.labels import read_labels
from app.storage.traces.late_scores import read_scores
from app.storage.traces.reading import read_bounded_page, read_restating, read_trace, read_tree

__all__ = ["router"]

router = APIRouter(prefix="/traces", tags=["traces"])

_MOST_SPANS = 5_000
# Each span takes two levels of JSON, and JSON readers begin to refuse at a few hundred levels.
_DEEPEST_BRANCH = 100


@router.get("")
async def get_traces(
    connection: Reading, project: Project, serving: Serving, query: Annotated[TraceQuery, Query()]
) -> Response:
    """List traces, newest first. `next` is the cursor of the next page, null on the last.

    A search for a text reads a bounded number of calls for a page. `searched_until` says how far it
    came, and `next` goes on.
    """
    chosen = query.chosen(serving.clock(), partial(serving.privacy.stored_forms, project))
    before = read_cursor(query.cursor)
    page = await read_bounded_page(connection, project, chosen, before=before, limit=query.limit + 1)
    return json_response(page_of(page.rows, query.limit, page.searched_to))


@router.get("/{trace_id}")
async def get_trace(connection: Reading, project: Project, serving: Serving, trace_id: UUID) -> Response:
    """Return a trace with texts, scores, evidence, feedback and labels.

    `given_scores` came from other evaluators.
    """
    trace = await read_trace(connection, project, trace_id)
    if trace is None:
        raise missing_trace(trace_id, serving.clock())
    opinions = await read_feedback(connection, project, trace_id)
    restating = await read_restating(connection, project, trace_id)
    given = await read_scores(connection, project, trace_id)
    labels = await read_labels(connection, project, trace_id)
    return json_response(describe(trace, opinions, restating, given, labels))


@router.get("/{trace_id}/tree")
async def get_tree(
    connection: Reading,
    project: Project,
    serving: Serving,
    trace_id: UUID,
    limit: Annotated[int, Query(ge=1, le=_MOST_SPANS)] = _MOST_SPANS,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the previous page.")] = None,
) -> Response:
    """Return the spans of the OpenTelemetry trace of a call, as trees of steps and calls.

    A page has at most 5,000 spans, in the order in which they began. `next` is the cursor of the
    next page, null on the last. Where a branch is deeper than 100 spans, its rest is listed at the
    top, and `otel_parent_span_id` names its parent. The same holds for a span whose parent is on
    another page.
    """
    nodes = await read_tree(connection, project, trace_id, after=read_place(cursor), limit=limit + 1)
    if not nodes and cursor is None:
        raise missing_trace(trace_id, serving.clock())
    shown, last = nodes[:limit], nodes[limit - 1] if len(nodes) > limit else None
    following = write_place(last.timestamp, last.trace_id) if last else None
    return json_response(
        {"roots": grow(shown, deepest=_DEEPEST_BRANCH), "spans": len(shown), "next": following}
    )


@router.delete("/{trace_id}", status_code=HTTPStatus.ACCEPTED)
async def delete_trace(serving: Serving, caller: Caller, trace_id: UUID) -> Response:
    """Erase one call with its scores, feedback, dead letter and share of the figures."""
    async with reading(serving.engine) as connection:
        known = await is_stored(connection, caller.project_id, trace_id) or await dead_ids(
            connection, caller.project_id, [trace_id]
        )
    if not (known or may_be_queued(trace_id, serving.clock())):
        raise missing_trace(trace_id, serving.clock())
    return await answer_erasure(serving, caller, Target(trace_id=trace_id))
