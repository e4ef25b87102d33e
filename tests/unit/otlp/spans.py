"""Spans made for tests, as values and as both encodings of OTLP."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.otlp.mapping import Mapped, map_spans
from app.otlp.signals import Span, SpanEvent
from monitoring.models import Record

TRACE = bytes(range(1, 17))
# A minute ago: metrics look at the last days alone.
START_NS = (int(time.time()) - 60) * 1_000_000_000


def span(
    attributes: Mapping[str, Any],
    *,
    number: int = 1,
    parent: int = 0,
    events: Sequence[tuple[str, Mapping[str, Any]]] = (),
    milliseconds: int = 250,
    **fields: Any,
) -> Span:
    """A span whose ids follow from small numbers; `events` happen 100 ms after it began."""
    return Span(
        **{
            "trace_id": TRACE,
            "span_id": number.to_bytes(8),
            "parent_id": parent.to_bytes(8) if parent else b"",
            "name": "call",
            "start_ns": START_NS,
            "end_ns": START_NS + milliseconds * 1_000_000,
            "attributes": attributes,
            "events": tuple(SpanEvent(name, START_NS + 100_000_000, values) for name, values in events),
            **fields,
        }
    )


def mapped(*spans: Span) -> list[Mapped]:
    return map_spans(spans)


def record_of(one: Span) -> Record:
    (found,) = map_spans([one])
    assert isinstance(found.line, Record)
    return found.line


def json_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [json_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": json_attributes(value)}}
    return {"stringValue": value}


def json_attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": json_value(value)} for key, value in attributes.items()]


def json_span(one: Span) -> dict[str, Any]:
    return {
        "traceId": one.trace_id.hex().upper(),
        "spanId": one.span_id.hex(),
        "parentSpanId": one.parent_id.hex(),
        "name": one.name,
        "kind": 3,
        "startTimeUnixNano": str(one.start_ns),
        "endTimeUnixNano": one.end_ns,
        "attributes": json_attributes(one.attributes),
        "events": [
            {"name": e.name, "timeUnixNano": str(e.time_ns), "attributes": json_attributes(e.attributes)}
            for e in one.events
        ],
        "status": {"code": 2, "message": one.message} if one.failed else {},
        "aFieldOfTheFuture": [1],
    }


def json_request(spans: Sequence[Any], resource: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An ExportTraceServiceRequest as JSON has it; spans may be mappings already."""
    listed = [json_span(one) if isinstance(one, Span) else one for one in spans]
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": json_attributes(resource or {"service.name": "shop"})},
                "scopeSpans": [{"scope": {"name": "made.for.tests"}, "spans": listed}],
            }
        ]
    }


def json_bytes(*spans: Any) -> bytes:
    return json.dumps(json_request(spans)).encode()


def set_value(target: Any, value: Any) -> None:
    match value:
        case bool():
            target.bool_value = value
        case int():
            target.int_value = value
        case float():
            target.double_value = value
        case list():
            target.array_value.SetInParent()
            for item in value:
                set_value(target.array_value.values.add(), item)
        case dict():
            target.kvlist_value.SetInParent()
            set_attributes(target.kvlist_value.values, value)
        case _:
            target.string_value = value


def set_attributes(target: Any, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        pair = target.add()
        pair.key = key
        set_value(pair.value, value)


def protobuf_bytes(*spans: Span) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    set_attributes(group.resource.attributes, {"service.name": "shop"})
    scope = group.scope_spans.add()
    scope.scope.name = "made.for.tests"
    for one in spans:
        wire = scope.spans.add(
            trace_id=one.trace_id,
            span_id=one.span_id,
            parent_span_id=one.parent_id,
            name=one.name,
            start_time_unix_nano=one.start_ns,
            end_time_unix_nano=one.end_ns,
        )
        set_attributes(wire.attributes, one.attributes)
        for event in one.events:
            set_attributes(
                wire.events.add(name=event.name, time_unix_nano=event.time_ns).attributes, event.attributes
            )
        if one.failed:
            wire.status.code = 2
            wire.status.message = one.message
    return request.SerializeToString()


def log_bytes(*logs: Mapping[str, Any]) -> bytes:
    """An ExportLogsServiceRequest.

    A log is event, body, attributes, time_ns, trace_id and span_id.
    """
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for log in logs:
        wire = scope.log_records.add(
            event_name=log.get("event", ""),
            trace_id=log.get("trace_id", b""),
            span_id=log.get("span_id", b""),
            time_unix_nano=log.get("time_ns", START_NS),
        )
        if "body" in log:
            set_value(wire.body, log["body"])
        set_attributes(wire.attributes, log.get("attributes", {}))
    return request.SerializeToString()
