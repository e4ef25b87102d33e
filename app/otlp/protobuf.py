"""OTLP in binary protobuf."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from app.errors import MalformedBody
from app.otlp.signals import LogRecord, Malformed, Span, SpanEvent

__all__ = ["check_metrics", "read_logs", "read_spans"]

_UNREADABLE = "The body is no {name} in binary protobuf."
_MISPLACED = "These are log records and not spans: send them to /v1/logs."


def read_spans(body: bytes) -> list[Span | Malformed]:
    """Read an ExportTraceServiceRequest; raises MalformedBody, also for log records sent here."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise MalformedBody(
            _MISPLACED if _holds_logs(body) else _UNREADABLE.format(name="ExportTraceServiceRequest")
        ) from error
    found: list[Span | Malformed] = []
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_spans:
            found += [
                Span(
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
                    scope=scope.scope.name,
                    resource=resource,
                )
                for span in scope.spans
            ]
    # The field numbers of both requests coincide down to the records, which then come out without ids.
    if found and not any(isinstance(span, Span) and span.span_id for span in found) and _holds_logs(body):
        raise MalformedBody(_MISPLACED)
    return found


def read_logs(body: bytes) -> list[LogRecord | Malformed]:
    """Read an ExportLogsServiceRequest; raises MalformedBody."""
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise MalformedBody(_UNREADABLE.format(name="ExportLogsServiceRequest")) from error
    found: list[LogRecord | Malformed] = []
    for group in request.resource_logs:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_logs:
            for log in scope.log_records:
                attributes = _attributes(log.attributes)
                found.append(
                    LogRecord(
                        trace_id=log.trace_id,
                        span_id=log.span_id,
                        event=log.event_name or str(attributes.get("event.name") or ""),
                        time_ns=log.time_unix_nano or log.observed_time_unix_nano,
                        body=_value(log.body),
                        attributes=attributes,
                        scope=scope.scope.name,
                        resource=resource,
                    )
                )
    return found


def check_metrics(body: bytes) -> None:
    """Raise MalformedBody for what is no ExportMetricsServiceRequest."""
    try:
        ExportMetricsServiceRequest().ParseFromString(body)
    except DecodeError as error:
        raise MalformedBody(_UNREADABLE.format(name="ExportMetricsServiceRequest")) from error


def _holds_logs(body: bytes) -> bool:
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        return False
    return any(
        log.time_unix_nano or log.observed_time_unix_nano or log.HasField("body")
        for group in request.resource_logs
        for scope in group.scope_logs
        for log in scope.log_records
    )


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
