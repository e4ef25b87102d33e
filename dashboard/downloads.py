"""Files of stored data for browsers: the dashboard asks the API for them, and passes them on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

import httpx
from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.exporting.encoding import encoded
from app.schemas.exported import ExportKind, Format
from app.schemas.json_output import encode_json
from dashboard.auth.current_identity import CURRENT_IDENTITY, CURRENT_SESSION
from dashboard.data.view import View, read_view
from dashboard.drawing.evaluation import RESULT_COLUMNS, result_rows
from dashboard.drawing.export_menu import RESULTS_PATH, TRACES_PATH

__all__ = ["downloads_router", "parameters_of"]

_AWAY: Final = "The API does not answer, so there is no file. Go back and try again shortly."
_BROKEN: Final = "The API refused this file."
_PASSED_ON: Final = ("content-type", "content-disposition", "export-cut")
_LIMITS: Final = httpx.Timeout(10, read=120)


def downloads_router(api: httpx.AsyncClient) -> APIRouter:
    """Return the route of downloads, whose address has the fields of the page's address."""
    router = APIRouter()

    @router.get(TRACES_PATH)
    async def download(
        request: Request,
        format_: Annotated[Format, Query(alias="format")] = "ndjson",
        kind: Annotated[ExportKind, Query()] = "traces",
    ) -> Response:
        view = read_view(request.url.query)
        identity = CURRENT_IDENTITY.get()
        if identity is not None and identity.project_id != view.project_id:
            return _refused(HTTPStatus.FORBIDDEN, f"Sign in with a key of the project {view.project_id}.")
        asked = {**parameters_of(view, datetime.now(UTC)), "kind": kind, "format": format_}
        return await _passed_on(api, asked)

    @router.get(RESULTS_PATH)
    async def download_results(
        job: UUID, format_: Annotated[Format, Query(alias="format")] = "ndjson"
    ) -> Response:
        try:
            answer = await api.get(f"/evaluate/{job}", headers=_signed(), timeout=_LIMITS)
        except httpx.HTTPError:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, _AWAY)
        if not answer.is_success:
            return _refused(HTTPStatus(answer.status_code), _reason(answer))
        lines = _lines(result_rows(answer.json(parse_float=Decimal)))
        headers = {
            "content-disposition": f'attachment; filename="evaluation.{format_}"',
            "content-encoding": "identity",
        }
        content = encoded(lines, format_, RESULT_COLUMNS)
        return StreamingResponse(content, headers=headers, media_type="application/octet-stream")

    return router


async def _lines(rows: Iterable[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    names = [one.name for one in RESULT_COLUMNS]
    for row in rows:
        yield encode_json({name: row.get(name) for name in names}) + b"\n"


def parameters_of(view: View, now: datetime) -> dict[str, str]:
    """Return the parameters of GET /export for the calls that the list of traces shows."""
    window = view.window(now)
    chosen = {"from": window.start.isoformat(), "to": window.end.isoformat(), "source": view.source}
    return chosen | ({"filter": view.filter} if view.filter else {})


async def _passed_on(api: httpx.AsyncClient, asked: Mapping[str, str]) -> Response:
    async with AsyncExitStack() as stack:
        try:
            request = api.build_request("GET", "/export", params=asked, headers=_signed(), timeout=_LIMITS)
            answer = await api.send(request, stream=True)
            stack.push_async_callback(answer.aclose)
            if not answer.is_success:
                await answer.aread()
        except httpx.HTTPError:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, _AWAY)
        if not answer.is_success:
            return _refused(HTTPStatus(answer.status_code), _reason(answer))
        kept = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
        # What is compressed already, and what is long, is not compressed on the way.
        kept |= {"content-encoding": "identity", "cache-control": "no-store"}
        return _Passed(answer.aiter_raw(), kept, stack.pop_all())
    raise AssertionError("unreachable")


def _signed() -> dict[str, str]:
    token = CURRENT_SESSION.get()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return _BROKEN


def _refused(status: HTTPStatus, reason: str) -> Response:
    return PlainTextResponse(reason, status)


class _Passed(StreamingResponse):
    """An answer of the API, which is let go when its reader has it or leaves."""

    def __init__(
        self, content: AsyncIterator[bytes], headers: Mapping[str, str], held: AsyncExitStack
    ) -> None:
        super().__init__(content, headers=dict(headers))
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        async with self._held:
            await super().__call__(scope, receive, send)
