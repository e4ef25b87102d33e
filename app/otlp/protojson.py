"""OTLP in its JSON encoding: lowerCamelCase names, hexadecimal ids, 64-bit numbers as strings or numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from app.errors import MalformedBody
from app.otlp.signals import LogRecord, Malformed, Span, SpanEvent

__all__ = ["check_metrics", "read_logs", "read_spans"]

_MISPLACED = {
    "resourceSpans": "These are spans: send them to /v1/traces.",
    "resourceLogs": "These are log records: send them to /v1/logs.",
    "resourceMetrics": "These are metrics: send them to /v1/metrics.",
}
_FAILED = (2, "2", "STATUS_CODE_ERROR")
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)

Number = int | str | None
_Signal = TypeVar("_Signal", Span, LogRecord)


class _Wire(msgspec.Struct, rename="camel", frozen=True):
    """Unknown fields are ignored, null ones count as absent."""


class _Values(_Wire, frozen=True):
    values: list[_AnyValue] | None = None


class _Pairs(_Wire, frozen=True):
    values: list[_KeyValue] | None = None


class _AnyValue(_Wire, frozen=True):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Number = None
    double_value: float | str | None = None
    array_value: _Values | None = None
    kvlist_value: _Pairs | None = None
    bytes_value: str | None = None


class _KeyValue(_Wire, frozen=True):
    key: str = ""
    value: _AnyValue | None = None


class _Scope(_Wire, frozen=True):
    name: str | None = None


class _Resource(_Wire, frozen=True):
    attributes: list[_KeyValue] | None = None


class _Event(_Wire, frozen=True):
    name: str | None = None
    time_unix_nano: Number = None
    attributes: list[_KeyValue] | None = None


class _Status(_Wire, frozen=True):
    code: int | str | None = None
    message: str | None = None


class _Span(_Wire, frozen=True):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    start_time_unix_nano: Number = None
    end_time_unix_nano: Number = None
    attributes: list[_KeyValue] | None = None
    events: list[_Event] | None = None
    status: _Status | None = None


class _LogRecord(_Wire, frozen=True):
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None
    time_unix_nano: Number = None
    observed_time_unix_nano: Number = None
    body: _AnyValue | None = None
    attributes: list[_KeyValue] | None = None


class _ScopeGroup(_Wire, frozen=True):
    scope: _Scope | None = None
    spans: list[msgspec.Raw] | None = None
    log_records: list[msgspec.Raw] | None = None


class _ResourceGroup(_Wire, frozen=True):
    resource: _Resource | None = None
    scope_spans: list[_ScopeGroup] | None = None
    scope_logs: list[_ScopeGroup] | None = None


class _Request(_Wire, frozen=True):
    resource_spans: list[_ResourceGroup] | None = None
    resource_logs: list[_ResourceGroup] | None = None
    resource_metrics: list[msgspec.Raw] | None = None


_decode_request = msgspec.json.Decoder(_Request).decode
_decode_span = msgspec.json.Decoder(_Span).decode
_decode_log = msgspec.json.Decoder(_LogRecord).decode


def read_spans(body: bytes) -> list[Span | Malformed]:
    """Read an ExportTraceServiceRequest; a span of the wrong shape costs itself alone. Raises MalformedBody."""
    request = _open(body, "resourceSpans")
    return [
        _each(_span, raw, scope, resource)
        for resource, scope, raws in _groups(request.resource_spans, "scope_spans", "spans")
        for raw in raws
    ]


def read_logs(body: bytes) -> list[LogRecord | Malformed]:
    """Read an ExportLogsServiceRequest; a record of the wrong shape costs itself alone. Raises MalformedBody."""
    request = _open(body, "resourceLogs")
    return [
        _each(_log, raw, scope, resource)
        for resource, scope, raws in _groups(request.resource_logs, "scope_logs", "log_records")
        for raw in raws
    ]


def check_metrics(body: bytes) -> None:
    """Raise MalformedBody for what is no ExportMetricsServiceRequest."""
    _open(body, "resourceMetrics")


def _open(body: bytes, expected: str) -> _Request:
    try:
        request = _decode_request(body)
    except msgspec.ValidationError as error:
        raise MalformedBody(f"The body is no OTLP request in JSON: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        request = _open_leniently(body, error)
    present = {
        "resourceSpans": request.resource_spans,
        "resourceLogs": request.resource_logs,
        "resourceMetrics": request.resource_metrics,
    }
    for name, hint in _MISPLACED.items():
        if name != expected and present[name] and not present[expected]:
            raise MalformedBody(hint)
    return request


def _open_leniently(body: bytes, error: Exception) -> _Request:
    """Read with the standard json what msgspec refuses for a lone surrogate or a stray byte."""
    try:
        value = json.loads(body.decode("utf-8", "replace"))
        text = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
        return _decode_request(text.decode("utf-16", "replace").encode())
    except (ValueError, RecursionError):
        raise MalformedBody(f"The body is not valid JSON: {error}.") from error


def _groups(
    resources: list[_ResourceGroup] | None, scopes: str, items: str
) -> Iterator[tuple[dict[str, Any], str, list[msgspec.Raw]]]:
    for group in resources or ():
        resource = _attributes(group.resource.attributes if group.resource else None)
        for scope in getattr(group, scopes) or ():
            name = scope.scope.name if scope.scope else None
            yield resource, name or "", getattr(scope, items) or []


def _each(
    read: Callable[[msgspec.Raw, str, dict[str, Any]], _Signal],
    raw: msgspec.Raw,
    scope: str,
    resource: dict[str, Any],
) -> _Signal | Malformed:
    try:
        return read(raw, scope, resource)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Malformed(str(error))


def _span(raw: msgspec.Raw, scope: str, resource: dict[str, Any]) -> Span:
    wire = _decode_span(raw)
    status = wire.status or _Status()
    return Span(
        trace_id=_hex(wire.trace_id),
        span_id=_hex(wire.span_id),
        parent_id=_hex(wire.parent_span_id),
        name=_clean(wire.name or ""),
        start_ns=_time(wire.start_time_unix_nano),
        end_ns=_time(wire.end_time_unix_nano),
        attributes=_attributes(wire.attributes),
        events=tuple(
            SpanEvent(event.name or "", _time(event.time_unix_nano), _attributes(event.attributes))
            for event in wire.events or ()
        ),
        failed=status.code in _FAILED,
        message=_clean(status.message or ""),
        scope=scope,
        resource=resource,
    )


def _log(raw: msgspec.Raw, scope: str, resource: dict[str, Any]) -> LogRecord:
    wire = _decode_log(raw)
    attributes = _attributes(wire.attributes)
    return LogRecord(
        trace_id=_hex(wire.trace_id),
        span_id=_hex(wire.span_id),
        event=wire.event_name or str(attributes.get("event.name") or ""),
        time_ns=_time(wire.time_unix_nano) or _time(wire.observed_time_unix_nano),
        body=_value(wire.body),
        attributes=attributes,
        scope=scope,
        resource=resource,
    )


def _attributes(pairs: Iterable[_KeyValue] | None) -> dict[str, Any]:
    return {_clean(pair.key): _value(pair.value) for pair in pairs or ()}


def _value(value: _AnyValue | None) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        return _clean(value.string_value)
    if value.array_value is not None:
        return [_value(item) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values)
    return _scalar(value)


def _scalar(value: _AnyValue) -> Any:
    if value.int_value is not None:
        return _integer(value.int_value, _INT64)
    if value.double_value is not None:
        return float(value.double_value)
    return value.bytes_value if value.bool_value is None else value.bool_value


def _hex(text: str | None) -> bytes:
    """Return the bytes of an id; what is no hexadecimal is refused with a ValueError that names it."""
    try:
        return bytes.fromhex(text or "")
    except ValueError as error:
        raise ValueError(f"an id is not hexadecimal: {(text or '')[:40]!r}") from error


def _time(value: Number) -> int:
    return _integer(value or 0, _UINT64)


def _integer(value: int | str, within: range) -> int:
    number = int(value)
    if number not in within:
        raise ValueError("a number exceeds 64 bits")
    return number


def _clean(text: str) -> str:
    """Replace NUL, which Postgres cannot hold."""
    return text.replace("\0", "�") if "\0" in text else text
