"""Turning spans of every convention into records, which are scored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from app.otlp.attributes import Attributes, first_number, first_text
from app.otlp.billing import PRICES_AT, with_billing
from app.otlp.conversations import conversation_of, documents_of
from app.otlp.costs import reported_cost
from app.otlp.kinds import kind_of
from app.otlp.names import (
    ANSWERED_BY,
    ASKED_FOR,
    FIRST_EVENTS,
    FIRST_MOMENT,
    FIRST_TIMES,
    PROVIDER,
    RESPONSE_ID,
    SAID,
    TEMPLATE,
)
from app.otlp.owners import owner_of
from app.otlp.signals import Malformed, Span, id_problem
from app.otlp.usage import Usage, read_usage
from app.schemas.inherited import shared_metadata
from app.schemas.kinds import RETRIEVERS, Kind
from app.schemas.limits import METADATA_BYTES, too_many
from app.schemas.queued import SpanContext
from app.schemas.records import Rejection
from app.schemas.retrieval import Retrieved, as_context, first_passages, passages_before
from app.schemas.spans import SCOPE, SERVICE
from monitoring.bounds import BEYOND, bounded
from monitoring.conversation import messages_of, results_of, texts_of
from monitoring.marks import Mark
from monitoring.models import UNKNOWN_MODEL, Record
from monitoring.spending.pricing import rates_of

__all__ = ["Mapped", "map_spans", "moment", "read_call", "response_key"]

_NAME_CHARACTERS = 512
_MOST_MESSAGES = 500_000
_MOST_PASSAGE_CHARACTERS = 128 * 1024 * 1024
_NS_PER_MS = 1_000_000

_MODELS = (*ANSWERED_BY, *ASKED_FOR)
_NO_MODEL = frozenset({"none", "null", UNKNOWN_MODEL, "undefined", "n/a"})
_SMALLER_UNITS_MS = (1.0, 1e-3, 1e-6)


class Mapped(NamedTuple):
    """A span in the form that Ingest takes: the record or a reason, its context, and its key."""

    line: Record | Rejection
    context: SpanContext | None
    key: str | None


def map_spans(spans: Sequence[Span | Malformed]) -> list[Mapped]:
    """Return the record of every span of a batch, aligned with it.

    A call without its own documents gets those that retrievers of the same trace found before it
    began. Raises BodyTooLarge where a small body would become very large records. That happens with
    many messages written as JSON in a text, and with documents that many calls share.
    """
    readable = [span for span in spans if isinstance(span, Span) and id_problem(span) is None]
    known = [(span, kind_of(span)) for span in readable]
    retrieved = _retrieved(known)
    mapped = _bounded(_map(span, kind, retrieved) for span, kind in known)
    found: list[Mapped] = []
    for number, span in enumerate(spans, start=1):
        problem = span.reason if isinstance(span, Malformed) else id_problem(span)
        one = next(mapped) if problem is None else problem
        found.append(one if isinstance(one, Mapped) else Mapped(Rejection(number, None, one), None, None))
    return found


def _bounded(mapped: Iterable[Mapped | str]) -> Iterator[Mapped | str]:
    messages = characters = 0
    for one in mapped:
        if isinstance(one, Mapped) and isinstance(one.line, Record):
            messages += len(one.line.messages)
            characters += sum(map(len, one.line.context))
            if messages > _MOST_MESSAGES:
                raise too_many("messages", _MOST_MESSAGES)
            if characters > _MOST_PASSAGE_CHARACTERS:
                raise too_many(
                    "characters of documents, counted again for each call that shares them",
                    _MOST_PASSAGE_CHARACTERS,
                )
        yield one


_Found = Mapping[bytes, Retrieved[int]]


def _retrieved(known: Sequence[tuple[Span, str]]) -> _Found:
    """Return by trace the first passages that were retrieved in it, with Unix nanoseconds."""
    found: dict[bytes, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
    for span, kind in known:
        if kind in RETRIEVERS:
            with suppress(OverflowError, RecursionError):  # the span is refused when it is mapped
                found[span.trace_id].append((span.end_ns, documents_of(span, retriever=True)))
    return {trace_id: first_passages(searches) for trace_id, searches in found.items()}


def _map(span: Span, kind: str, retrieved: _Found) -> Mapped | str:
    """Return a span as a record, or why that is impossible. Other spans are not affected."""
    context = SpanContext(
        kind=kind,
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id or None,
        response_key=response_key(span.attributes),
    )
    key = f"otel:{span.trace_id.hex()}:{span.span_id.hex()}"
    try:
        return Mapped(_record(span, kind, retrieved), context, key)
    except (OverflowError, RecursionError):
        return "it holds a number over 64 bits or is nested too deeply"


def response_key(attributes: Attributes) -> bytes | None:
    """Return 16 bytes that stand for the id of a response, None where the span names none."""
    named = first_text(attributes, RESPONSE_ID) or _id_inside(attributes.get("output.value"))
    return blake2b(named.encode("utf-8", "replace"), digest_size=16).digest() if named else None


class _Answer(msgspec.Struct):
    """A response as OpenAI and Anthropic send it, which OpenInference keeps in full."""

    id: str
    model: str


_read_answer = msgspec.json.Decoder(_Answer).decode


def _id_inside(value: Any) -> str | None:
    if not isinstance(value, str) or value[:1] != "{":
        return None
    try:
        return _read_answer(value).id or None
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def read_call(span: Span) -> Record:
    """Return a span as the record of an LLM call, whatever kind it claims to be.

    Raises OverflowError and RecursionError for values that cannot be encoded.
    """
    return _record(span, Kind.LLM, {})


def _record(span: Span, kind: str, retrieved: _Found) -> Record:
    attributes = span.attributes
    conversation = conversation_of(span)
    texts, owner = texts_of(conversation), owner_of(span)
    documents = documents_of(span, retriever=kind in RETRIEVERS)
    if not documents and kind == Kind.LLM:
        documents = passages_before(retrieved.get(span.trace_id, ()), span.start_ns)
    provider, started = _name(first_text(attributes, PROVIDER)), moment(span.start_ns)
    model = _model(attributes, provider, started)
    usage = read_usage(attributes, provider, model, answers=kind == Kind.LLM)
    record = Record(
        prompt=texts.prompt or "",
        response=texts.response or "",
        model_name=model,
        provider=provider,
        timestamp=started,
        user_id=owner.user_id,
        session_id=owner.session_id,
        template_id=_name(first_text(attributes, TEMPLATE)),
        system_prompt=texts.system,
        context=as_context(documents, results_of(conversation.inputs) if kind == Kind.LLM else ()),
        messages=messages_of(conversation),
        response_time_ms=_duration(span),
        time_to_first_token_ms=_first_token(span),
        error=_error(span),
        tags=owner.tags,
        metadata=_metadata(span),
        marks=(
            *_marks(kind, spoke=bool(texts.prompt or texts.response), usage=usage),
            *conversation.marks,
            *owner.marks,
        ),
        prompt_tokens=usage.prompt,
        completion_tokens=_completion(kind, usage),
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        reasoning_tokens=usage.reasoning,
        reported_cost_usd=reported_cost(attributes),
    )
    return bounded(with_billing(record, attributes))


def _completion(kind: str, usage: Usage) -> int | None:
    told_all = (
        kind == Kind.EMBEDDING and usage.prompt
    )  # an embedding has no completion, so its input is everything
    return usage.completion or 0 if told_all else usage.completion


def _marks(kind: str, *, spoke: bool, usage: Usage) -> tuple[str, ...]:
    marks = (Mark.NO_CONTENT,) if kind == Kind.LLM and not spoke else ()
    return (*marks, Mark.USAGE_EXCLUSIVE) if kind in {Kind.LLM, Kind.EMBEDDING} and usage.exclusive else marks


def moment(time_ns: int) -> datetime | None:
    """Return Unix nanoseconds as aware UTC. Zero gives None, a time beyond any calendar its end."""
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC) if time_ns else None
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _model(attributes: Attributes, provider: str | None, at: datetime | None) -> str:
    """Return the model that answered.

    If no table of prices knows it, but knows a model that was asked for, the result is that one.
    Gateways answer with an alias of their own, and some frameworks write "none".
    """
    told = (_name(first_text(attributes, (name,))) for name in _MODELS if name in attributes)
    names = [name for name in dict.fromkeys(told) if name and name.lower() not in _NO_MODEL]
    if len(names) > 1:
        priced = (name for name in names if rates_of(provider, name, at or PRICES_AT))
        return next(priced, names[0])
    return names[0] if names else UNKNOWN_MODEL


def _duration(span: Span) -> float | None:
    known = span.start_ns and span.end_ns >= span.start_ns
    return (span.end_ns - span.start_ns) / _NS_PER_MS if known else None


def _first_token(span: Span) -> float | None:
    """Return the milliseconds until the first token, None where no value fits the duration."""
    for names, unit_ms in FIRST_TIMES:
        value = first_number(span.attributes, names)
        if value is not None:
            return _within_duration(value, unit_ms, _duration(span))
    started = first_text(span.attributes, FIRST_MOMENT)
    first = _unix_ns(started) if started else None
    if first is None:
        first = next((event.time_ns for event in span.events if event.name in FIRST_EVENTS), 0)
    return (first - span.start_ns) / _NS_PER_MS if span.start_ns and first >= span.start_ns else None


def _within_duration(value: float, unit_ms: float, duration_ms: float | None) -> float | None:
    """Return a time in milliseconds. A time longer than the whole call is read in a smaller unit.

    No model answers within a millisecond. So rather than reading it in a unit in which it would be
    less, a time may be up to twice as long as the call, because the span of a stream may end when
    its request is answered.
    """
    # Two clocks may have measured them, and a call of no duration was not measured.
    longest = float("inf") if not duration_ms else duration_ms * 1.1 + 10
    times = [value * unit_ms, *(value * unit for unit in _SMALLER_UNITS_MS if unit < unit_ms)]
    # A time that fits in no unit is left out of the record, with a mark.
    fitting = next((time for time in times if time <= longest), BEYOND)
    if duration_ms and (fitting < 1 or fitting == BEYOND):
        return next((time for time in times if longest < time <= duration_ms * 2), fitting)
    return fitting


def _unix_ns(text: str) -> int | None:
    try:
        moment_of = datetime.fromisoformat(text.strip('"'))
    except ValueError:
        return None
    aware = moment_of if moment_of.tzinfo else moment_of.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000) * _NS_PER_MS


def _error(span: Span) -> str | None:
    kind = first_text(span.attributes, ("error.type",))
    if not (span.failed or kind):
        return None
    message = span.message
    for event in span.events:
        if event.name == "exception":
            kind = kind or first_text(event.attributes, ("exception.type",))
            message = message or first_text(event.attributes, ("exception.message",)) or ""
    return ": ".join(part for part in (kind, message) if part) or "error"


def _name(text: str | None) -> str | None:
    return text[:_NAME_CHARACTERS] if text else None


def _metadata(span: Span) -> dict[str, Any]:
    """Return the other attributes of the span, or only their number if they are too large."""
    found: dict[str, Any] = {"span.name": span.name}
    # The description of the process is sent once and stored with each of its spans, so it must be
    # short.
    if scope := _name(span.scope):
        found[SCOPE] = scope
    service = _name(first_text(span.resource, (SERVICE, "openinference.project.name")))
    if service:
        found[SERVICE] = service
    if resource := shared_metadata(span.resource):
        found = {**resource, **found}
    rest = {name: value for name, value in span.attributes.items() if not name.startswith(SAID)}
    if len(msgspec.msgpack.encode(rest)) > METADATA_BYTES:
        rest = {"metadata_dropped": len(rest)}
    return {**rest, **found}
