"""What an exporter is answered: OTLP's own responses and errors, in the encoding of the request."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from google.rpc import code_pb2 as code
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from app.schemas.records import Rejection

__all__ = ["Encoding", "Signal", "encode_status", "export_response"]

Encoding = Literal["json", "protobuf"]
Signal = Literal["spans", "log_records"]

_SHOWN_REASONS = 5
# As google/rpc/code.proto pairs them with HTTP; whatever is not listed is the sender's fault.
_CODES: dict[HTTPStatus, int] = {
    HTTPStatus.UNAUTHORIZED: code.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: code.PERMISSION_DENIED,
    HTTPStatus.NOT_FOUND: code.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS: code.RESOURCE_EXHAUSTED,
    HTTPStatus.SERVICE_UNAVAILABLE: code.UNAVAILABLE,
    HTTPStatus.INTERNAL_SERVER_ERROR: code.INTERNAL,
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
    number = _CODES.get(status, code.INVALID_ARGUMENT)
    if encoding == "json":
        return msgspec.json.encode({"code": number, "message": message})
    return bytes(Status(code=number, message=message).SerializeToString())
