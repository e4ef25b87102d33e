"""OpenTelemetry's signals as plain values, whatever their encoding was."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["LogRecord", "Malformed", "Span", "SpanEvent", "id_problem"]

_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8

Attributes = Mapping[str, Any]
_NOTHING: Attributes = MappingProxyType({})


class SpanEvent(NamedTuple):
    """An event within a span; `time_ns` is Unix nanoseconds, 0 where unknown."""

    name: str
    time_ns: int
    attributes: Attributes


class Span(NamedTuple):
    """One span: raw ids (`parent_id` empty for a root), Unix nanoseconds (0: unknown), attributes.

    `failed` means a status of ERROR, with its `message`. `resource` describes the process, and
    `scope` names the instrumentation.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    events: tuple[SpanEvent, ...] = ()
    failed: bool = False
    message: str = ""
    scope: str = ""
    resource: Attributes = _NOTHING


class LogRecord(NamedTuple):
    """One log record; `event` is its event name, empty for an ordinary log line."""

    trace_id: bytes
    span_id: bytes
    event: str
    time_ns: int
    body: Any
    attributes: Attributes
    scope: str = ""
    resource: Attributes = _NOTHING


class Malformed(NamedTuple):
    """A span or log record that cannot be read, with the reason."""

    reason: str


def id_problem(span: Span) -> str | None:
    """Return what is wrong with a span's ids; None if they are valid (16 and 8 bytes, not zero)."""
    if len(span.trace_id) != _TRACE_ID_BYTES or not any(span.trace_id):
        return "its trace id must have 16 bytes that are not all zero"
    if len(span.span_id) != _SPAN_ID_BYTES or not any(span.span_id):
        return "its span id must have 8 bytes that are not all zero"
    return None
