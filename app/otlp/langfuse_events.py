"""The batches of Langfuse's older SDKs as spans: what begins and ends a call is told in events of their own.

All events of a batch that are about one observation are one. A generation of which only the beginning came is kept
as texts that wait for its end, as log events do; of anything else the first batch counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from app.otlp.langfuse_scores import LANGFUSE, map_score, span_id_of, trace_id_of
from app.otlp.mapping import Mapped, map_spans, moment, read_call
from app.otlp.signals import Span
from app.schemas.json_input import (
    NotJsonError,
    WrongShapeError,
    check_values,
    convert,
    read_mended,
)
from app.schemas.kinds import Kind
from app.schemas.langfuse import EventIn, ObservationIn, ScoreIn, TraceIn
from app.schemas.limits import MOST_RECORD_VALUES
from app.schemas.queued import BEGUN, SpanContext
from app.schemas.records import Rejection
from monitoring.models import Record

__all__ = ["Told", "map_events", "read_event"]

_UNNAMED: Final = "unknown"
_SCORE, _LOG, _TRACE = "score-create", "sdk-log", "trace-create"
_OBSERVATIONS: Final = {
    f"{kind}-{act}": kind
    for kind in ("generation", "span", "event", "observation")
    for act in ("create", "update")
}
_CALLS: Final = frozenset({"generation", "embedding"})
_COUNTS: Final = {
    "promptTokens": "prompt_tokens",
    "completionTokens": "completion_tokens",
    "totalTokens": "total_tokens",
}


class Told(msgspec.Struct, frozen=True):
    """What one or several events of a batch say: their ids, and what becomes of them, or why nothing does.

    None stands for what is taken and not kept.
    """

    events: tuple[str, ...]
    found: Mapped | str | None


@dataclass
class _Group:
    """The events of a batch about one trace or observation, the later one's word over the earlier one's."""

    events: list[str] = field(default_factory=list)
    body: dict[str, Any] = field(default_factory=dict)

    def add(self, event: EventIn, body: Mapping[str, Any]) -> None:
        self.events.append(event.id)
        self.body |= {name: value for name, value in body.items() if value is not None}


def read_event(content: bytes) -> EventIn | Told:
    """Read one event of a batch; one that cannot be read costs itself alone."""
    if not check_values(content, MOST_RECORD_VALUES):
        return Told((_UNNAMED,), f"the event holds more than {MOST_RECORD_VALUES} values")
    try:
        raw = read_mended(content)
    except (NotJsonError, WrongShapeError) as error:
        return Told((_UNNAMED,), f"it is not valid JSON: {error}")
    try:
        return convert(raw, EventIn)
    except WrongShapeError as error:
        named = raw.get("id") if isinstance(raw, dict) else None
        return Told((named if isinstance(named, str) else _UNNAMED,), _blame(error))


def map_events(events: Sequence[EventIn]) -> list[Told]:
    """Return what the events of a batch become, those about one observation together."""
    told: list[Told] = []
    traces: dict[str, _Group] = {}
    observations: dict[str, _Group] = {}
    for event in events:
        try:
            problem = _sort(event, told, traces, observations)
        except WrongShapeError as error:
            problem = _blame(error)
        if problem is not None:
            told.append(Told((event.id,), problem))
    known = {id_: convert(group.body, TraceIn) for id_, group in traces.items()}
    spans = [(group, *_span_of_trace(id_, known[id_])) for id_, group in traces.items()]
    for group in observations.values():
        observation = convert(group.body, ObservationIn)
        trace = known.get(observation.trace_id or observation.id, TraceIn())
        spans.append((group, *_span_of_observation(observation, trace)))
    mapped = map_spans([span for _, span, _ in spans])
    for (group, span, ended), one in zip(spans, mapped, strict=True):
        told.append(Told(tuple(group.events), _finish(span, one, ended=ended)))
    return told


def _sort(
    event: EventIn, told: list[Told], traces: dict[str, _Group], observations: dict[str, _Group]
) -> str | None:
    """Put an event where it belongs; returns what is wrong with it, raises WrongShapeError for its body."""
    if event.type == _SCORE:
        score = convert(event.body, ScoreIn)
        score.id = score.id or event.id
        told.append(Told((event.id,), map_score(score)))
    elif event.type == _LOG:
        told.append(Told((event.id,), None))
    elif event.type == _TRACE:
        named = convert(event.body, TraceIn).id or event.id
        traces.setdefault(named, _Group()).add(event, {"timestamp": event.timestamp, **event.body})
    elif event.type in _OBSERVATIONS:
        found = convert(event.body, ObservationIn)
        kind = _OBSERVATIONS[event.type]
        kind = (found.type or "span").lower() if kind == "observation" else kind
        observations.setdefault(found.id, _Group()).add(event, {**event.body, "type": kind})
    else:
        return f"events of the type {event.type[:64]} are not known here"
    return None


def _blame(error: WrongShapeError) -> str:
    return f"{error.field}: {error}" if error.field else str(error)


def _root_of(trace: str) -> bytes:
    return span_id_of(f"trace {trace}")


def _span_of_trace(named: str, trace: TraceIn) -> tuple[Span, bool]:
    began = _unix_ns(trace.timestamp)
    attributes = {
        "langfuse.observation.type": "chain",
        "langfuse.observation.input": trace.input,
        "langfuse.observation.output": trace.output,
        "langfuse.trace.metadata": trace.metadata,
        "langfuse.release": trace.release,
        "langfuse.version": trace.version,
        **_of_everything(trace),
    }
    span = _span(named, _root_of(named), b"", trace.name or "trace", (began, 0), attributes)
    return span, True


def _span_of_observation(observation: ObservationIn, trace: TraceIn) -> tuple[Span, bool]:
    """Return an observation as a span, and whether it has ended."""
    named = observation.trace_id or observation.id
    began, ended = _unix_ns(observation.start_time), _unix_ns(observation.end_time)
    first = observation.completion_start_time
    attributes = {
        "langfuse.observation.type": observation.type,
        "langfuse.observation.input": observation.input,
        "langfuse.observation.output": observation.output,
        "langfuse.observation.metadata": observation.metadata,
        "langfuse.observation.model.name": observation.model,
        "langfuse.observation.usage_details": observation.usage_details or _counts(observation.usage),
        "langfuse.observation.cost_details": observation.cost_details,
        "langfuse.observation.completion_start_time": first and first.isoformat(),
        "langfuse.observation.prompt.name": observation.prompt_name,
        "langfuse.version": observation.version,
        **_of_everything(trace),
    }
    above = observation.parent_observation_id
    span = _span(
        named,
        span_id_of(observation.id),
        span_id_of(above) if above else _root_of(named),
        observation.name or str(observation.type),
        (began, ended),
        attributes,
    )
    failed = observation.level == "ERROR"
    over = bool(ended or failed or observation.output is not None or attributes[
        "langfuse.observation.usage_details"])  # fmt: skip
    return span._replace(failed=failed, message=observation.status_message or ""), over


def _of_everything(trace: TraceIn) -> dict[str, Any]:
    return {
        "langfuse.user.id": trace.user_id,
        "langfuse.session.id": trace.session_id,
        "langfuse.trace.tags": trace.tags,
        "langfuse.environment": trace.environment,
    }


def _span(
    trace: str,
    span_id: bytes,
    parent_id: bytes,
    name: str,
    times: tuple[int, int],
    attributes: dict[str, Any],
) -> Span:
    return Span(
        trace_id=trace_id_of(trace),
        span_id=span_id,
        parent_id=parent_id,
        name=name,
        start_ns=times[0],
        end_ns=times[1],
        attributes={name: value for name, value in attributes.items() if value is not None},
        scope=LANGFUSE,
    )


def _counts(usage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the counts of the older object under the names of providers; a unit other than tokens has none."""
    if not usage or usage.get("unit") not in {None, "TOKENS"}:
        return None
    return {_COUNTS.get(name, name): value for name, value in usage.items()}


def _finish(span: Span, mapped: Mapped, *, ended: bool) -> Mapped | str:
    if isinstance(mapped.line, Rejection):
        return mapped.line.message
    if span.attributes.get("langfuse.observation.type") not in _CALLS:
        return mapped
    if not ended:
        return _beginning(span)
    if span.end_ns and not span.start_ns:
        # Its beginning was told in an earlier batch, so this tells when it ended.
        line = replace(mapped.line, timestamp=moment(span.end_ns))
        return mapped._replace(line=line)
    return mapped


def _beginning(span: Span) -> Mapped:
    """Return a call that has not ended as what waits for the rest of it."""
    call = read_call(span)
    record = Record(
        prompt=call.prompt,
        response=call.response,
        system_prompt=call.system_prompt,
        messages=call.messages,
        context=call.context,
        model_name=call.model_name,
        provider=call.provider,
        timestamp=call.timestamp,
        user_id=call.user_id,
        session_id=call.session_id,
        tags=call.tags,
        metadata={BEGUN: True},
    )
    context = SpanContext(kind=Kind.CONTENT, trace_id=span.trace_id, span_id=span.span_id)
    digest = blake2b(digest_size=16)
    for part in (span.trace_id, span.span_id, repr(span).encode("utf-8", "replace")):
        digest.update(part)
    return Mapped(record, context, f"{LANGFUSE}:{digest.hexdigest()}")


def _unix_ns(at: datetime | None) -> int:
    if at is None:
        return 0
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000) * 1000
