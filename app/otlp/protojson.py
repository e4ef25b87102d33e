"""OTLP in its JSON encoding: lowerCamelCase names, hexadecimal ids, 64-bit numbers as strings or numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeVar

import msgspec

from app.errors import MalformedBody
from app.otlp.signals import LogRecord, Malformed, Span, SpanEvent
from app.schemas.json_input import NotJsonError, WrongShapeError, check_values, mend_unicode, reader
from app.schemas.limits import MOST_RECORD_VALUES, MOST_VALUES, check_records, too_many

__all__ = ["check_metrics", "read_logs", "read_spans"]

_MISPLACED = {
    "resourceSpans": "These are spans: send them to /v1/traces.",
    "resourceLogs": "These are log records: send them to /v1/logs.",
    "resourceMetrics": "These are metrics: send them to /v1/metrics.",
}
_FAILED = (2, "2", "STATUS_CODE_ERROR")
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)
_LEAST, _MOST = Decimal(_INT64.start), Decimal(_UINT64.stop)

Number = int | float | str | None
_Signal = TypeVar("_Signal", Span, LogRecord)
_Wired = TypeVar("_Wired")
_REASON_CHARACTERS = 200


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
    code: int | float | str | None = None
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


_Described = dict[str, Any] | Malformed


class _Group(NamedTuple):
    """The spans or log records of one scope, each still encoded; `resource` is malformed where it cannot be read."""

    resource: _Described
    scope: str
    items: list[msgspec.Raw]


_read_request = reader(_Request)
_read_span = reader(_Span)
_read_log = reader(_LogRecord)


def read_spans(body: bytes) -> list[Span | Malformed]:
    """Read an ExportTraceServiceRequest; a span of the wrong shape costs itself alone.

    Raises MalformedBody and BodyTooLarge.
    """
    groups = _groups(_open(body, "resourceSpans").resource_spans, "scope_spans", "spans")
    return _each(groups, "spans", _read_span, _span)


def read_logs(body: bytes) -> list[LogRecord | Malformed]:
    """Read an ExportLogsServiceRequest; a record of the wrong shape costs itself alone.

    Raises MalformedBody and BodyTooLarge.
    """
    groups = _groups(_open(body, "resourceLogs").resource_logs, "scope_logs", "log_records")
    return _each(groups, "log records", _read_log, _log)


def check_metrics(body: bytes) -> None:
    """Raise MalformedBody for what is no ExportMetricsServiceRequest, BodyTooLarge for one that holds too much."""
    _open(body, "resourceMetrics")


def _open(body: bytes, expected: str) -> _Request:
    if not check_values(body, MOST_VALUES):
        raise too_many("values", MOST_VALUES)
    try:
        request = _read_mended(_read_request, body)
    except WrongShapeError as error:
        raise MalformedBody(f"The body is no OTLP request in JSON: {error}.") from error
    except NotJsonError as error:
        raise MalformedBody(f"The body is not valid JSON: {error}.") from error
    present = {
        "resourceSpans": request.resource_spans,
        "resourceLogs": request.resource_logs,
        "resourceMetrics": request.resource_metrics,
    }
    for name, hint in _MISPLACED.items():
        if name != expected and present[name] and not present[expected]:
            raise MalformedBody(hint)
    return request


def _read_mended(read: Callable[[bytes], _Wired], content: bytes) -> _Wired:
    try:
        return read(content)
    except NotJsonError:
        mended = mend_unicode(content)
        if mended == content:
            raise
    return read(mended)


def _groups(resources: list[_ResourceGroup] | None, scopes: str, items: str) -> Iterator[_Group]:
    for group in resources or ():
        try:
            resource: _Described = _attributes(group.resource.attributes if group.resource else None)
        except (ValueError, RecursionError) as error:
            resource = _malformed(error)
        for scope in getattr(group, scopes) or ():
            name = scope.scope.name if scope.scope else None
            yield _Group(resource, name or "", getattr(scope, items) or [])


def _each(
    groups: Iterable[_Group],
    what: str,
    read: Callable[[bytes], _Wired],
    build: Callable[[_Wired, str, dict[str, Any]], _Signal],
) -> list[_Signal | Malformed]:
    found: list[_Signal | Malformed] = []
    for resource, scope, raws in groups:
        check_records(len(found) + len(raws), what)
        for raw in raws:
            content = bytes(raw)
            if isinstance(resource, Malformed):
                found.append(resource)
            elif check_values(content, MOST_RECORD_VALUES):
                try:
                    found.append(build(_read_mended(read, content), scope, resource))
                except (ValueError, RecursionError) as error:
                    found.append(_malformed(error))
            else:
                found.append(Malformed(f"it holds more than {MOST_RECORD_VALUES} values"))
    return found


def _malformed(error: Exception) -> Malformed:
    field = error.field if isinstance(error, WrongShapeError) else None
    return Malformed(f"{error} at {field}"[:_REASON_CHARACTERS] if field else str(error)[:_REASON_CHARACTERS])


def _span(wire: _Span, scope: str, resource: dict[str, Any]) -> Span:
    status = wire.status or _Status()
    return Span(
        trace_id=_hex(wire.trace_id),
        span_id=_hex(wire.span_id),
        parent_id=_hex(wire.parent_span_id),
        name=_clean(wire.name or ""),
        start_ns=_time(wire.start_time_unix_nano, "startTimeUnixNano"),
        end_ns=_time(wire.end_time_unix_nano, "endTimeUnixNano"),
        attributes=_attributes(wire.attributes),
        events=tuple(
            SpanEvent(
                event.name or "", _time(event.time_unix_nano, "timeUnixNano"), _attributes(event.attributes)
            )
            for event in wire.events or ()
        ),
        failed=status.code in _FAILED,
        message=_clean(status.message or ""),
        scope=scope,
        resource=resource,
    )


def _log(wire: _LogRecord, scope: str, resource: dict[str, Any]) -> LogRecord:
    attributes = _attributes(wire.attributes)
    return LogRecord(
        trace_id=_hex(wire.trace_id),
        span_id=_hex(wire.span_id),
        event=wire.event_name or str(attributes.get("event.name") or ""),
        time_ns=_time(wire.time_unix_nano, "timeUnixNano")
        or _time(wire.observed_time_unix_nano, "observedTimeUnixNano"),
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
        return _integer(value.int_value, _INT64, "intValue")
    if value.double_value is not None:
        return float(value.double_value)
    return value.bytes_value if value.bool_value is None else value.bool_value


def _hex(text: str | None) -> bytes:
    """Return the bytes of an id; what is no hexadecimal is refused with a ValueError that names it."""
    try:
        return bytes.fromhex(text or "")
    except ValueError as error:
        raise ValueError(f"an id is not hexadecimal: {(text or '')[:40]!r}") from error


def _time(value: Number, name: str) -> int:
    return _integer(value, _UINT64, name) if value else 0


def _integer(value: float | str, within: range, name: str) -> int:
    """Return a number of 64 bits; ProtoJSON allows texts, exponents and a fraction of zeros, as in "1.2e1"."""
    try:
        number = int(value) if isinstance(value, int | str) else _whole(value, name)
    except ValueError:
        number = _whole(value, name)
    if number not in within:
        raise ValueError(f"{name} exceeds 64 bits")
    return number


def _whole(value: float | str, name: str) -> int:
    try:
        number = Decimal(value)
        within = _LEAST <= number <= _MOST  # before a number of a million digits is built
    except InvalidOperation as error:
        raise ValueError(f"{name} is no number: {str(value)[:40]!r}") from error
    if not within:
        raise ValueError(f"{name} exceeds 64 bits")
    if number != (whole := int(number)):
        raise ValueError(f"{name} is no whole number: {str(value)[:40]}")
    return whole


def _clean(text: str) -> str:
    """Replace NUL, which Postgres cannot hold."""
    return text.replace("\0", "�") if "\0" in text else text
