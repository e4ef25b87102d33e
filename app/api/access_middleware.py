"""The gate before every route: no handler runs, and no body is read, before it is known who asks."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from app.access.credentials import read_credential, read_offered
from app.access.origins import limit_anonymous
from app.api.access import is_open, require
from app.api.dependencies import Services
from app.api.problems import answer_expected
from app.errors import MonitorError

__all__ = ["AccessMiddleware", "admit"]

_POLICY_VIOLATION = 1008


class AccessMiddleware:
    """ASGI middleware that finds out who sends a request, and refuses those who may not come in.

    What a route needs beyond that is checked once the route is known (`app.api.access.authorize`).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"} or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            await admit(scope, Headers(scope=scope))
        except MonitorError as error:
            await _refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)


async def admit(scope: Scope, headers: Mapping[str, str]) -> None:
    """Note in the scope who sends a request; raises one of MonitorError for those who may not come in."""
    services: Services = scope["app"].state.services
    credential = read_credential(headers)
    if credential is None and scope["type"] == "websocket":
        credential = read_offered(headers)
    identity = await services.authenticator.admit(credential)
    if identity.anonymous:
        identity = limit_anonymous(identity, headers, services.settings, scope.get("http_version", "1.1"))
    elif identity.rate is not None:
        await services.rates.take(*identity.rate)
    scope["identity"] = identity
    if scope["type"] == "websocket":
        require(HTTPConnection(scope), f"WS {scope['path']}")


async def _refuse(error: MonitorError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await answer_expected(Request(scope), error)(scope, receive, send)
        return
    socket = WebSocket(scope, receive, send)
    if "websocket.http.response" in scope.get("extensions", {}):
        await socket.send_denial_response(answer_expected(socket, error))
    else:
        await socket.close(_POLICY_VIOLATION, error.title)
