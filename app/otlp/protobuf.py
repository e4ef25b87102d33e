"""OTLP in binary protobuf."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as WireLog
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from app.errors import MalformedBody
from app.otlp.signals import LogRecord, Malformed, Span, SpanEvent
from app.otlp.wire import (
    LOG,
    METRIC,
    RESOURCE,
    SCOPE,
    SPAN,
    BrokenFrameError,
    Item,
    Shape,
    check_values,
    cut,
    is_too_large,
)
from app.schemas.limits import MOST_RECORD_VALUES

__all__ = ["check_metrics", "read_logs", "read_spans"]

_UNREADABLE = "The body is no {name} in binary protobuf."
_MISPLACED = "These are log records and not spans: send them to /v1/logs."
_INVALID = Malformed("it is no valid protobuf")
_TOO_LARGE = Malformed(f"it holds more than {MOST_RECORD_VALUES} values")
_Signal = TypeVar("_Signal", Span, LogRecord)
_Wire = TypeVar("_Wire", bound=Message)


def read_spans(body: bytes) -> list[Span | Malformed]:
    """Read an ExportTraceServiceRequest; a span that cannot be read costs itself alone.

    Raises MalformedBody, also for log records sent here, and BodyTooLarge.
    """
    items = _cut(body, "spans", "ExportTraceServiceRequest", SPAN)
    found = _each(items, SPAN, WireSpan, _span)
    # The field numbers of both requests coincide down to the records, which then come out without ids.
    if found and not any(isinstance(span, Span) and span.span_id for span in found):
        if any(map(_is_log, items)):
            raise MalformedBody(_MISPLACED)
        _require_one(found, "ExportTraceServiceRequest")
    return found


def read_logs(body: bytes) -> list[LogRecord | Malformed]:
    """Read an ExportLogsServiceRequest; a record that cannot be read costs itself alone.

    Raises MalformedBody and BodyTooLarge.
    """
    items = _cut(body, "log records", "ExportLogsServiceRequest", LOG)
    found = _each(items, LOG, WireLog, _log)
    _require_one(found, "ExportLogsServiceRequest")
    return found


def check_metrics(body: bytes) -> None:
    """Raise MalformedBody for what is no ExportMetricsServiceRequest, BodyTooLarge for one that holds too much."""
    for item in _cut(body, "metrics", "ExportMetricsServiceRequest", METRIC):
        if _parse(Metric, item.content, METRIC) is _INVALID:
            raise MalformedBody(_UNREADABLE.format(name="ExportMetricsServiceRequest"))


def _cut(body: bytes, what: str, name: str, shape: Shape) -> list[Item]:
    try:
        items = cut(body, what)
    except BrokenFrameError as error:
        raise MalformedBody(_UNREADABLE.format(name=name)) from error
    check_values(body, items, shape)
    return items


def _each(
    items: Iterable[Item],
    shape: Shape,
    kind: type[_Wire],
    read: Callable[[_Wire, str, dict[str, Any]], _Signal],
) -> list[_Signal | Malformed]:
    found: list[_Signal | Malformed] = []
    scope = resource = None
    for item in items:
        if item.scope is not scope or item.resource is not resource:  # those of a group follow each other
            scope, resource = item.scope, item.resource
            source = _source(item)
        wire = _parse(kind, item.content, shape)
        if source is None or isinstance(wire, Malformed):
            found.append(wire if isinstance(wire, Malformed) else _INVALID)
        else:
            found.append(read(wire, *source))
    return found


def _source(item: Item) -> tuple[str, dict[str, Any]] | None:
    """Return the name of the scope and the attributes of the resource, None where they cannot be read."""
    scope = _parse(InstrumentationScope, item.scope, SCOPE)
    resource = _parse(Resource, item.resource, RESOURCE)
    if isinstance(scope, Malformed) or isinstance(resource, Malformed):
        return None
    return scope.name, _attributes(resource.attributes)


def _parse(kind: type[_Wire], content: bytes, shape: Shape) -> _Wire | Malformed:
    if is_too_large(content, shape):
        return _TOO_LARGE
    try:
        found: _Wire = kind.FromString(content)
    except (DecodeError, RecursionError):
        return _INVALID
    return found


def _require_one(found: list[_Signal | Malformed], name: str) -> None:
    if found and all(one is _INVALID for one in found):
        raise MalformedBody(_UNREADABLE.format(name=name))


def _span(span: WireSpan, scope: str, resource: dict[str, Any]) -> Span:
    return Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_span_id,
        name=_clean(span.name),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=tuple(
            SpanEvent(event.name, event.time_unix_nano, _attributes(event.attributes))
            for event in span.events
        ),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        message=_clean(span.status.message),
        scope=scope,
        resource=resource,
    )


def _log(log: WireLog, scope: str, resource: dict[str, Any]) -> LogRecord:
    attributes = _attributes(log.attributes)
    return LogRecord(
        trace_id=log.trace_id,
        span_id=log.span_id,
        event=log.event_name or str(attributes.get("event.name") or ""),
        time_ns=log.time_unix_nano or log.observed_time_unix_nano,
        body=_value(log.body),
        attributes=attributes,
        scope=scope,
        resource=resource,
    )


def _is_log(item: Item) -> bool:
    log = _parse(WireLog, item.content, LOG)
    if isinstance(log, Malformed):
        return False
    return bool(log.time_unix_nano or log.observed_time_unix_nano or log.HasField("body"))


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "string_value":
        return _clean(found)
    if kind == "array_value":
        return [_value(item) for item in found.values]
    if kind == "kvlist_value":
        return _attributes(found.values)
    return base64.b64encode(found).decode() if kind == "bytes_value" else found


def _clean(text: str) -> str:
    """Replace NUL, which Postgres cannot hold."""
    return text.replace("\0", "�") if "\0" in text else text
