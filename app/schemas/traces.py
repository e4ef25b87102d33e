"""The stored trace: a record with everything the worker found out about it, one field per column."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec

from app.schemas.queued import Envelope, Summary
from monitoring.marks import Mark
from monitoring.models import Failure, Record, Result, Score, TokenSource

__all__ = [
    "StoredSpan",
    "Trace",
    "record_of",
    "scores_from_json",
    "scores_to_json",
    "summarise",
    "without_text",
]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One LLM call, or a step around one, as it is stored: each field is a column of the table.

    `occurred_at` is the moment of the call (of receipt where the client named none), durations are
    milliseconds, money is US dollars, `reported_cost_usd` is what the client said, whatever counts, `scores` maps evaluator names to what they found, and `hits` names
    those whose value was beyond the threshold that held when they were judged. `topic` and the
    quality and safety values repeat what the verdict made of the scores, so that lists need no JSON.
    `restates` is the id of the call that this span tells of once more, which is why it counts nothing itself.
    """

    project_id: str
    trace_id: UUID
    job_id: str
    source: str
    kind: str
    occurred_at: datetime
    model_name: str
    prompt: str
    response: str
    scores: dict[str, Result]
    pricing_status: str
    client_id: str | None = None
    otel_trace_id: bytes | None = None
    otel_span_id: bytes | None = None
    otel_parent_span_id: bytes | None = None
    response_key: bytes | None = None
    parent_id: str | None = None
    provider: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    template_id: str | None = None
    tags: tuple[str, ...] = ()
    system_prompt: str | None = None
    context: tuple[str, ...] = ()
    reference: str | None = None
    messages: tuple[dict[str, Any], ...] = ()
    metadata: dict[str, Any] = {}
    error: str | None = None
    response_time_ms: float | None = None
    time_to_first_token_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    reported_cost_usd: Decimal | None = None
    token_source: str | None = None
    cost_usd: Decimal | None = None
    price_source: str | None = None
    overall_quality: float | None = None
    safety_score: float | None = None
    is_safe: bool | None = None
    flags: tuple[str, ...] = ()
    hits: tuple[str, ...] = ()
    topic: str | None = None
    marks: tuple[str, ...] = ()
    guard: str | None = None
    restates: UUID | None = None
    restates_because: str | None = None


class StoredSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A stored span that retrieved documents, as the calls after it see it: its trace, when, and the documents."""

    otel_trace_id: bytes
    occurred_at: datetime
    response_time_ms: float | None
    context: tuple[str, ...]


def summarise(trace: Trace) -> Summary:
    """Return what a waiting request is told about a trace."""
    return Summary(
        trace_id=trace.trace_id,
        timestamp=trace.occurred_at,
        quality_score=trace.overall_quality,
        safety_score=trace.safety_score,
        is_safe=trace.is_safe,
        safety_flags=trace.flags,
        cost_usd=trace.cost_usd,
        pricing_status=trace.pricing_status,
        model_name=trace.model_name,
    )


def without_text(trace: Trace, mark: str) -> Trace:
    """Return the trace with its scores but without the texts, and without evidence, which lies in them."""
    scores: dict[str, Result] = {
        name: msgspec.structs.replace(result, evidence=())
        if isinstance(result, Score)
        else msgspec.structs.replace(result, message="")
        for name, result in trace.scores.items()
    }
    return msgspec.structs.replace(
        trace,
        prompt="",
        response="",
        system_prompt=None,
        context=(),
        reference=None,
        messages=(),
        metadata={},
        error=trace.error and "[REDACTED]",
        scores=scores,
        marks=tuple(dict.fromkeys((*trace.marks, mark))),
    )


_encode = msgspec.json.Encoder().encode


def scores_to_json(scores: dict[str, Result]) -> bytes:
    """Encode results for the `scores` column; a Failure is told apart by its `error` key."""
    return _encode(scores)


def scores_from_json(value: dict[str, dict[str, Any]]) -> dict[str, Result]:
    """Read the `scores` column back."""
    return {name: _result(item) for name, item in value.items()}


def _result(item: dict[str, Any]) -> Result:
    return msgspec.convert(item, Failure) if "error" in item else msgspec.convert(item, Score)


# What a trace and its record call alike. Tokens are counted where a record reports none.
_OF_RECORD = tuple(
    name
    for name in Trace.__struct_fields__
    if name in Record.__struct_fields__ and name not in {"prompt_tokens", "completion_tokens"}
)
_record_values = attrgetter(*_OF_RECORD)


def from_envelope(envelope: Envelope, job_id: str, occurred_at: datetime, **found: Any) -> Trace:
    """Return the trace of an envelope with what was found out about it."""
    record = envelope.record
    return Trace(
        project_id=envelope.project_id,
        trace_id=envelope.trace_id,
        job_id=job_id,
        source=envelope.source,
        kind=envelope.kind,
        occurred_at=occurred_at,
        client_id=record.id,
        otel_trace_id=envelope.otel_trace_id,
        otel_span_id=envelope.otel_span_id,
        otel_parent_span_id=envelope.otel_parent_span_id,
        response_key=envelope.response_key,
        restates=envelope.restates,
        restates_because=envelope.restates_because,
        guard=envelope.guard,
        **dict(zip(_OF_RECORD, _record_values(record), strict=True)),
        **found,
    )


def record_of(trace: Trace) -> Record:
    """Return the record that a stored trace was made of, without evaluators that its caller switched off.

    Token counts are taken as reported where they were, and of a call without text, whose other counts are 0.
    """
    reported = trace.token_source == TokenSource.REPORTED
    silent = Mark.NO_CONTENT in trace.marks
    return Record(
        id=trace.client_id,
        timestamp=trace.occurred_at,
        prompt_tokens=trace.prompt_tokens if reported or (silent and trace.prompt_tokens) else None,
        completion_tokens=trace.completion_tokens
        if reported or (silent and trace.completion_tokens)
        else None,
        **dict(zip(_OF_RECORD, _record_values(trace), strict=True)),
    )
