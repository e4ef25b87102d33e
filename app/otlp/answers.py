"""What an exporter is answered: OTLP's own responses and errors, in the encoding of the request."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from app.schemas.records import Rejection

__all__ = ["Encoding", "Signal", "encode_status", "export_response"]

Encoding = Literal["json", "protobuf"]
Signal = Literal["spans", "log_records"]

_SHOWN_REASONS = 5
_INVALID_ARGUMENT = 3
# google.rpc.Code by HTTP status, as google/rpc/code.proto pairs them.
_CODES = {
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.NOT_FOUND: 5,
    HTTPStatus.TOO_MANY_REQUESTS: 8,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
    HTTPStatus.INTERNAL_SERVER_ERROR: 13,
}
_RESPONSES: dict[Signal, Any] = {
    "spans": ExportTraceServiceResponse,
    "log_records": ExportLogsServiceResponse,
}
_JSON_NAMES: dict[Signal, str] = {"spans": "rejectedSpans", "log_records": "rejectedLogRecords"}


def export_response(rejections: Sequence[Rejection], signal: Signal, encoding: Encoding) -> bytes:
    """Return a full success without rejections, else a partial one that says what was wrong with which."""
    message = _summary(rejections)
    if encoding == "json":
        if not rejections:
            return b"{}"
        partial = {_JSON_NAMES[signal]: str(len(rejections)), "errorMessage": message}
        return msgspec.json.encode({"partialSuccess": partial})
    response = _RESPONSES[signal]()
    if rejections:
        setattr(response.partial_success, f"rejected_{signal}", len(rejections))
        response.partial_success.error_message = message
    return bytes(response.SerializeToString())


def _summary(rejections: Sequence[Rejection]) -> str:
    shown = [f"number {rejection.line}: {rejection.message}" for rejection in rejections[:_SHOWN_REASONS]]
    more = len(rejections) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def encode_status(status: HTTPStatus, message: str, encoding: Encoding) -> bytes:
    """Return a google.rpc.Status: the code that stands for an HTTP status, and the message."""
    code = _CODES.get(status, _INVALID_ARGUMENT)
    if encoding == "json":
        return msgspec.json.encode({"code": code, "message": message})
    text = message.encode()
    # Two fields, so that no further package is needed: code = 1 (varint), message = 2 (bytes).
    return bytes([0x08, code, 0x12]) + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:  # noqa: PLR2004 seven bits a byte
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
