"""Answers to clients that send records, made from the decisions of `app.ingest`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from fastapi import Response
from msgspec import structs

from app.api.bodies import Body
from app.api.body_threads import BodyThreads
from app.api.preferences import Preference
from app.api.responses import json_response
from app.errors import InvalidRecord
from app.ingest import Submission
from app.schemas.ids import minted_at
from app.schemas.queued import Summary
from app.schemas.records import Rejection, read_record, read_records
from monitoring.models import Record
from monitoring.privacy.redaction import without_pseudonyms

__all__ = [
    "BulkAnswer",
    "SingleAnswer",
    "answer_bulk",
    "answer_single",
    "bulk_keys",
    "for_sender",
    "parse_many",
    "parse_one",
    "pending",
]

# For a shorter body a thread costs more than the few milliseconds of parsing that it saves on the
# event loop.
_INLINE_BYTES = 128 * 1024
_INLINE_SEPARATORS = 3_000
_INLINE_OUTCOMES = 2_000
_LISTED_ERRORS = 1_000
# The scores of a record that is not scored yet.
_UNKNOWN: Final[dict[str, Any]] = {
    "quality_score": None,
    "safety_score": None,
    "is_safe": None,
    "safety_flags": (),
    "cost_usd": None,
    "pricing_status": "pending",
}


class SingleAnswer(Summary, frozen=True, kw_only=True):
    """A summary, and whether it is complete."""

    status: Literal["scored", "queued"]


class LineError(msgspec.Struct, frozen=True):
    """Why one line was refused. Lines are numbered from 1."""

    line: int
    field: str | None
    message: str


class BulkAnswer(msgspec.Struct, frozen=True):
    """The outcomes of the lines of one request.

    `trace_ids` is aligned with them; `errors` lists 1,000.
    """

    accepted: int
    rejected: int
    duplicates: int
    trace_ids: tuple[UUID | None, ...]
    errors: tuple[LineError, ...]


async def parse_one(threads: BodyThreads, project: str, body: Body) -> Record:
    """Read one record; a large one is read in a thread beside the event loop."""
    if len(body.content) <= _INLINE_BYTES:
        return read_record(body.content)
    return await threads.read(project, body.content, partial(read_record, body.content))


async def parse_many(threads: BodyThreads, project: str, body: Body) -> list[Record | Rejection]:
    """Read every line of a body; a long one is read in a thread beside the event loop."""
    content = body.content
    separator = b"\n" if body.format == "ndjson" else b","
    if len(content) <= _INLINE_BYTES and content.count(separator) <= _INLINE_SEPARATORS:
        return read_records(content, body.format)
    return await threads.read(project, content, partial(read_records, content, body.format))


def bulk_keys(header: str | None, lines: Sequence[Record | Rejection]) -> list[str | None] | None:
    """Return an idempotency key for each line.

    The key is the line's own id; without one, the header's key with the number of the line.
    """
    if header is None:
        return None
    return [
        f"{header}:{number}" if isinstance(line, Record) and line.id is None else None
        for number, line in enumerate(lines, start=1)
    ]


def pending(trace_id: UUID, record: Record) -> Summary:
    """Return the summary of a queued record that is not scored yet."""
    return Summary(
        trace_id=trace_id,
        timestamp=record.timestamp or minted_at(trace_id),
        model_name=record.model_name,
        **_UNKNOWN,
    )


def answer_single(submission: Submission, preference: Preference) -> Response:
    """Return 200 with the scores, or 202 with nulls and the address of the scores.

    Raises InvalidRecord when the record was refused.
    """
    (outcome,) = submission.outcomes
    if isinstance(outcome, Rejection):
        raise InvalidRecord(
            f"The record was refused: {outcome.message}.",
            errors=[{"field": outcome.field, "message": outcome.message}],
        )
    headers = {"Preference-Applied": preference.applied} if preference.applied else {}
    summary = submission.summaries.get(outcome.trace_id)
    if summary is not None:
        return json_response(
            SingleAnswer(**structs.asdict(for_sender(summary)), status="scored"), headers=headers
        )
    headers["Location"] = f"/traces/{outcome.trace_id}"
    queued = _queued(outcome.trace_id, submission.records[outcome.trace_id])
    return json_response(queued, HTTPStatus.ACCEPTED, headers)


def _queued(trace_id: UUID, record: Record) -> SingleAnswer:
    """Return the answer about a record that is not scored yet."""
    return SingleAnswer(
        trace_id=trace_id,
        timestamp=record.timestamp or minted_at(trace_id),
        model_name=without_pseudonyms(record.model_name),
        status="queued",
        **_UNKNOWN,
    )


def for_sender(summary: Summary) -> Summary:
    """Return a summary in which the sender sees the ids that it sent, not their pseudonyms."""
    name = without_pseudonyms(summary.model_name)
    return summary if name == summary.model_name else structs.replace(summary, model_name=name)


async def answer_bulk(submission: Submission) -> Response:
    """Return 202 with counts and ids; raises InvalidRecord when every line was refused."""
    if len(submission.outcomes) <= _INLINE_OUTCOMES:
        return _describe_bulk(submission)
    return await asyncio.to_thread(_describe_bulk, submission)


def _describe_bulk(submission: Submission) -> Response:
    rejections = [outcome for outcome in submission.outcomes if isinstance(outcome, Rejection)]
    accepted = [outcome for outcome in submission.outcomes if not isinstance(outcome, Rejection)]
    if rejections and not accepted:
        raise InvalidRecord(
            f"None of the {len(rejections)} lines was accepted.",
            errors=[rejection._asdict() for rejection in rejections[:_LISTED_ERRORS]],
        )
    seen: set[UUID] = set()
    duplicates = 0
    for outcome in accepted:
        duplicates += outcome.duplicate or outcome.trace_id in seen
        seen.add(outcome.trace_id)
    answer = BulkAnswer(
        accepted=len(accepted) - duplicates,
        rejected=len(rejections),
        duplicates=duplicates,
        trace_ids=tuple(
            None if isinstance(outcome, Rejection) else outcome.trace_id for outcome in submission.outcomes
        ),
        errors=tuple(LineError(*rejection) for rejection in rejections[:_LISTED_ERRORS]),
    )
    return json_response(answer, HTTPStatus.ACCEPTED)
