"""Requests of OpenTelemetry exporters: reading them, and answering them in their own encoding."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app.api.bodies import Body, read_body
from app.errors import MonitorError
from app.otlp.answers import Encoding, Signal, encode_status, export_response
from app.schemas.records import Rejection

__all__ = ["ExportRoute", "answer_export", "decode", "read_export"]

logger = logging.getLogger(__name__)

_MEDIA_TYPES: dict[Encoding, str] = {"json": "application/json", "protobuf": "application/x-protobuf"}
# Below this a thread costs more than it takes off the event loop.
_INLINE_BYTES = 32 * 1024
_Decoded = TypeVar("_Decoded")


class ExportRoute(APIRoute):
    """A route whose every failure is a google.rpc.Status, those of its dependencies included."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with its errors turned into answers."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except MonitorError as error:
                headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
                return _refuse(request, error.status, error.detail, headers)
            except HTTPException as error:
                return _refuse(request, HTTPStatus(error.status_code), str(error.detail), error.headers)
            except Exception:
                logger.exception("an export failed")
                detail = "The server failed on this request; its log says why."
                return _refuse(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail)

        return answer


def _refuse(request: Request, status: HTTPStatus, detail: str, headers: Any = None) -> Response:
    sent = request.headers.get("content-type", "")
    encoding: Encoding = "protobuf" if sent.startswith(_MEDIA_TYPES["protobuf"]) else "json"
    return Response(encode_status(status, detail, encoding), status, headers, _MEDIA_TYPES[encoding])


async def read_export(request: Request, limit: int) -> Body:
    """Read an export request of at most `limit` bytes after decompression."""
    return await read_body(request, limit=limit, formats=("protobuf", "json"))


async def decode(body: Body, read: Callable[[Body], _Decoded]) -> _Decoded:
    """Apply `read` to a body, beside the event loop when it is large."""
    if len(body.content) <= _INLINE_BYTES:
        return read(body)
    return await asyncio.to_thread(read, body)


def answer_export(body: Body, signal: Signal, outcomes: Sequence[object]) -> Response:
    """Return success, or partial success that names what was rejected."""
    encoding: Encoding = "json" if body.format == "json" else "protobuf"
    rejections = [outcome for outcome in outcomes if isinstance(outcome, Rejection)]
    return Response(export_response(rejections, signal, encoding), media_type=_MEDIA_TYPES[encoding])
