"""Log records that hold what spans leave out: message texts, and scores that others gave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from app.otlp.attributes import first_number, first_text
from app.otlp.conversations import CONTENT_EVENTS, DETAILS_EVENT, conversation_of_logs
from app.otlp.mapping import Mapped, moment, read_call, response_key
from app.otlp.signals import LogRecord, Malformed, Span, id_problem
from app.schemas.kinds import Kind
from app.schemas.queued import EVALUATED, SpanContext
from app.schemas.records import Rejection
from app.schemas.spans import SERVICE
from monitoring.bounds import MOST_VALUE
from monitoring.conversation import messages_of, results_of, texts_of
from monitoring.marks import Mark
from monitoring.models import Record
from monitoring.spending.usage import BILLED, BILLED_BY

__all__ = ["map_logs"]

_EVALUATION_EVENT = "gen_ai.evaluation.result"
_NAME_CHARACTERS = 128
# Fields that an event with texts may have too, but that are read only from the span.
_OF_SPAN_ALONE: Mapping[str, Any] = {
    "template_id": None,
    "error": None,
    "tags": (),
    "response_time_ms": None,
    "time_to_first_token_ms": None,
    **dict.fromkeys((*BILLED[2:], *BILLED_BY)),
    "usage": {},
}


def map_logs(logs: Sequence[LogRecord | Malformed]) -> list[Mapped]:
    """Return the records for the GenAI events of a batch; events of one span together.

    Other logs are left out. A rejection stands for one log record, and its number is the record's
    place in the batch.
    """
    found: list[Mapped] = []
    by_span: dict[tuple[bytes, bytes], list[LogRecord]] = defaultdict(list)
    for number, log in enumerate(logs, start=1):
        if isinstance(log, Malformed):
            found.append(_reject(number, log.reason))
        elif log.event in CONTENT_EVENTS or log.event == _EVALUATION_EVENT:
            problem = id_problem(_as_span(log))
            if log.event == _EVALUATION_EVENT:
                found.append(_evaluation(number, log, problem))
            elif problem is None:
                by_span[log.trace_id, log.span_id].append(log)
            elif log.event == DETAILS_EVENT:
                found.append(_call(number, log))
            else:
                found.append(_reject(number, f"a {log.event} event belongs to a span, and {problem}"))
    found += [_content(group) for group in by_span.values()]
    return found


def _reject(number: int, reason: str) -> Mapped:
    return Mapped(Rejection(number, None, reason), None, None)


def _as_span(log: LogRecord) -> Span:
    """Return an event that describes a whole call as the span that it stands for."""
    body = log.body if isinstance(log.body, Mapping) else {}
    return Span(
        trace_id=log.trace_id,
        span_id=log.span_id,
        parent_id=b"",
        name=log.event,
        start_ns=log.time_ns,
        end_ns=0,
        attributes={**body, **log.attributes},
        scope=log.scope,
        resource=log.resource,
    )


def _call(number: int, log: LogRecord) -> Mapped:
    """Return a call that an event outside any span describes.

    If the event names a response, the result is texts for that response, else a call.
    """
    told = _as_span(log)
    if response_key(told.attributes) is not None:
        return _content([log._replace(trace_id=b"", span_id=b"")])
    try:
        return Mapped(read_call(told), None, _key("call", [log]))
    except (OverflowError, RecursionError):
        return _reject(number, "it holds a number over 64 bits or is nested too deeply")


def _content(logs: Sequence[LogRecord]) -> Mapped:
    details = next((log for log in logs if log.event == DETAILS_EVENT), logs[0])
    try:
        known = read_call(_as_span(details))
        conversation = conversation_of_logs(logs)
        texts, messages = texts_of(conversation), messages_of(conversation)
    except (OverflowError, RecursionError):
        return _reject(1, "an event holds a number over 64 bits or is nested too deeply")
    record = replace(
        known,
        **_OF_SPAN_ALONE,
        prompt=texts.prompt or "",
        response=texts.response or "",
        system_prompt=texts.system,
        messages=messages,
        timestamp=moment(min(log.time_ns for log in logs)),
        context=known.context or results_of(conversation.inputs),
        marks=tuple(dict.fromkeys((*conversation.marks, *(m for m in known.marks if m != Mark.NO_CONTENT)))),
        metadata={name: known.metadata[name] for name in (SERVICE,) if name in known.metadata},
    )
    answer = response_key(_as_span(details).attributes)
    return Mapped(record, _context(logs[0], Kind.CONTENT, answer), _key(Kind.CONTENT, logs))


def _evaluation(number: int, log: LogRecord, problem: str | None) -> Mapped:
    """Return a given score of a response, which is named by its span, by its id, or by both."""
    said = _as_span(log).attributes
    answer = response_key(said)
    if problem is not None and answer is None:
        return _reject(number, f"it names no gen_ai.response.id, and as an event of a span {problem}")
    name = first_text(said, ("gen_ai.evaluation.name",))
    if name is None:
        return _reject(number, "gen_ai.evaluation.name is missing")
    value = first_number(said, ("gen_ai.evaluation.score.value",), MOST_VALUE)
    known = value is not None and value <= MOST_VALUE
    label = first_text(said, ("gen_ai.evaluation.score.label",))
    # The values are put into those fields of a record whose redaction fits them: a name, a tag, a
    # text, a number.
    record = Record(
        prompt="",
        response=first_text(said, ("gen_ai.evaluation.explanation",)) or "",
        model_name=name[:_NAME_CHARACTERS],
        tags=(label[:_NAME_CHARACTERS],) if label else (),
        error=first_text(said, ("error.type",)),
        timestamp=moment(log.time_ns),
        metadata={EVALUATED: value} if known else {},
        marks=() if known or value is None else (Mark.NUMBER_OUT_OF_RANGE,),
    )
    place = log if problem is None else log._replace(trace_id=b"", span_id=b"")
    return Mapped(record, _context(place, Kind.EVALUATION, answer), _key(Kind.EVALUATION, [log]))


def _context(log: LogRecord, kind: str, answer: bytes | None = None) -> SpanContext:
    return SpanContext(kind=kind, trace_id=log.trace_id, span_id=log.span_id, response_key=answer)


def _key(kind: str, logs: Sequence[LogRecord]) -> str:
    """Return a key that is the same only in a retry.

    It is made of ids, times and all that the events say.
    """
    digest = blake2b(digest_size=16)
    for part in _parts(logs):
        digest.update(part.encode("utf-8", "replace") + b"\0")
    return f"otel:{kind}:{digest.hexdigest()}"


def _parts(logs: Sequence[LogRecord]) -> Iterator[str]:
    for log in logs:
        yield from (log.trace_id.hex(), log.span_id.hex(), log.event, str(log.time_ns))
        yield repr((log.body, sorted(log.attributes.items(), key=lambda pair: pair[0])))
