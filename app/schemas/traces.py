"""The stored trace: a record with everything that the worker found out, one field per column."""

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
from monitoring.spending.pricing import Priced

__all__ = [
    "StoredSpan",
    "Trace",
    "priced_columns",
    "record_of",
    "scores_from_json",
    "scores_to_json",
    "summarise",
    "without_text",
]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One LLM call, or a step around calls, as it is stored. Each field is a column of the table.

    `occurred_at` is the moment of the call (of receipt where the client named none). Durations are
    milliseconds, and money is US dollars. `cost_usd` is the cost that counts. `reported_cost_usd`
    is the cost according to the client; where it counts, `computed_cost_usd` is that of our tables.
    `usage` is the provider's own object of counts. `scores` maps evaluator names to their results.
    `hits` names the evaluators whose value was beyond the threshold that applied at the time.
    `topic` and the quality and safety values repeat the verdict, so that lists need no JSON.
    `restates` is the id of the call that this span restates; such a span counts nothing itself.
    `dismissed_flags` and `dismissed_hits` were raised too, but people found that they are false
    alarms, and the project no longer counts them. They are in neither `flags` nor `hits`.
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
    cache_write_1h_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    cache_audio_read_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    cache_image_read_tokens: int | None = None
    web_search_requests: int | None = None
    file_search_requests: int | None = None
    reported_cost_usd: Decimal | None = None
    service_tier: str | None = None
    usage: dict[str, Any] = {}
    token_source: str | None = None
    cost_usd: Decimal | None = None
    computed_cost_usd: Decimal | None = None
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
    dismissed_flags: tuple[str, ...] = ()
    dismissed_hits: tuple[str, ...] = ()


class StoredSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A stored span that retrieved documents: its trace, its end, and the documents.

    Calls after it get these documents.
    """

    otel_trace_id: bytes
    occurred_at: datetime
    response_time_ms: float | None
    context: tuple[str, ...]


def priced_columns(priced: Priced) -> dict[str, Any]:
    """Return the fields of a trace that say what it costs."""
    return {
        "cost_usd": priced.cost_usd,
        "pricing_status": priced.status,
        "price_source": priced.source or None,
        "computed_cost_usd": priced.computed_usd,
    }


def summarise(trace: Trace) -> Summary:
    """Return the summary of a trace for a waiting request."""
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
    """Return the trace with its scores, but without the texts and the evidence in them."""
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
        usage={},
        error=trace.error and "[REDACTED]",
        scores=scores,
        marks=tuple(dict.fromkeys((*trace.marks, mark))),
    )


_encode = msgspec.json.Encoder().encode


def scores_to_json(scores: dict[str, Result]) -> bytes:
    """Encode results for the `scores` column. A Failure is recognised by its `error` key."""
    return _encode(scores)


def scores_from_json(value: dict[str, dict[str, Any]]) -> dict[str, Result]:
    """Read the `scores` column back."""
    return {name: _result(item) for name, item in value.items()}


def _result(item: dict[str, Any]) -> Result:
    return msgspec.convert(item, Failure) if "error" in item else msgspec.convert(item, Score)


# The fields with the same name in a trace and in its record. Tokens are counted where a record
# reports none.
_OF_RECORD = tuple(
    name
    for name in Trace.__struct_fields__
    if name in Record.__struct_fields__ and name not in {"prompt_tokens", "completion_tokens"}
)
_record_values = attrgetter(*_OF_RECORD)


def from_envelope(envelope: Envelope, job_id: str, occurred_at: datetime, **found: Any) -> Trace:
    """Return the trace of an envelope with everything that was found out about it."""
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
    """Return the record that a stored trace was made of, without evaluators that were switched off.

    Token counts are those that were reported, if any. A call without text has its counts too,
    because counting would give 0.
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
