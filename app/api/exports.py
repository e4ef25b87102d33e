"""Requests of OpenTelemetry exporters: reading them, and answering them in their own encoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final, TypeVar

from fastapi import Request, Response
from starlette.requests import HTTPConnection

from app.api.bodies import Body, read_body
from app.api.dependencies import Services
from app.otlp.answers import Encoding, Signal, encode_status, export_response
from app.otlp.mapping import Mapped
from app.schemas.records import Rejection

__all__ = ["accept_mapped", "answer_export", "decode", "is_export", "read_export", "refuse_export"]

_PATHS: Final = frozenset({"/v1/traces", "/v1/logs", "/v1/metrics", "/api/public/otel/v1/traces"})
_MEDIA_TYPES: dict[Encoding, str] = {"json": "application/json", "protobuf": "application/x-protobuf"}
# Below this a thread costs more than it takes off the event loop; a span may have two bytes.
_INLINE_BYTES = 8 * 1024
_Decoded = TypeVar("_Decoded")


def is_export(path: str) -> bool:
    """Tell whether exporters send to this address, which speak OTLP in failure too."""
    return path.rstrip("/") in _PATHS


def refuse_export(
    connection: HTTPConnection, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a failure as a google.rpc.Status in the encoding of the request, JSON where it is neither."""
    if status is HTTPStatus.INSUFFICIENT_STORAGE:
        status = (
            HTTPStatus.SERVICE_UNAVAILABLE
        )  # OTLP lets exporters try again after few answers, not after 507
    sent = connection.headers.get("content-type", "").lower()
    encoding: Encoding = "protobuf" if sent.startswith(_MEDIA_TYPES["protobuf"]) else "json"
    return Response(encode_status(status, detail, encoding), status, headers, _MEDIA_TYPES[encoding])


async def read_export(request: Request, limit: int) -> Body:
    """Read an export request of at most `limit` bytes after decompression."""
    return await read_body(request, limit=limit, formats=("protobuf", "json"))


async def decode(serving: Services, project: str, body: Body, read: Callable[[Body], _Decoded]) -> _Decoded:
    """Apply `read` to a body, beside the event loop when it is large."""
    if len(body.content) <= _INLINE_BYTES:
        return read(body)
    return await serving.bodies.read(project, body.content, partial(read, body))


async def accept_mapped(serving: Services, project: str, mapped: Sequence[Mapped]) -> Sequence[object]:
    """Keep what was read of spans, events or scores; returns what became of each."""
    submission = await serving.ingest.accept(
        [one.line for one in mapped],
        project_id=project,
        source="live",
        keys=[one.key for one in mapped],
        contexts=[one.context for one in mapped],
    )
    return submission.outcomes


def answer_export(body: Body, signal: Signal, outcomes: Sequence[object]) -> Response:
    """Return success, or partial success that names what was rejected."""
    encoding: Encoding = "json" if body.format == "json" else "protobuf"
    rejections = [outcome for outcome in outcomes if isinstance(outcome, Rejection)]
    return Response(export_response(rejections, signal, encoding), media_type=_MEDIA_TYPES[encoding])
