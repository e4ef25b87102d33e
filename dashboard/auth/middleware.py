"""Middleware that shows pages only to people who are signed in, where keys are needed."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from app.access.authenticator import Authenticator
from app.access.origins import limit_anonymous, same_origin
from app.access.watchers import Watchers
from app.config import Settings
from app.errors import Forbidden, MonitorError, Overloaded, Unauthorized
from dashboard.auth.current_identity import CURRENT_IDENTITY, CURRENT_SESSION

__all__ = ["COOKIE", "SIGN_IN", "SIGN_OUT", "SignInMiddleware", "is_secure", "read_cookie"]

COOKIE: Final = "llm-monitor-session"
SIGN_IN, SIGN_OUT = "/login", "/logout"
_OPEN_FOLDERS: Final = ("/assets/", "/_dash-component-suites/")
_OPEN_PATHS: Final = {"/_favicon.ico"}
_SAFE_METHODS: Final = {"GET", "HEAD", "OPTIONS"}
_POLICY_VIOLATION: Final = 1008
_SESSION_ENDED: Final = 4001  # the one code of Dash after which its worker does not reconnect
_CHECK_SECONDS: Final = 2.0
_MOST_SOCKETS: Final = 512  # per project


class SignInMiddleware:
    """ASGI middleware that finds the identity of a request, and redirects to the sign-in page."""

    def __init__(self, app: ASGIApp, *, authenticator: Authenticator, settings: Settings) -> None:
        self._app = app
        self._door = authenticator
        self._allowed = settings.allowed_origins
        self._settings = settings
        self._watchers = Watchers(_MOST_SOCKETS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"} or _is_open(scope):
            await self._app(scope, receive, send)
            return
        try:
            await self._seat(scope)
        except MonitorError as error:
            await _refuse(error, scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._serve_in_place(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _seat(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if _changes_something(scope) and not _sent_from_here(headers, self._allowed):
            raise Forbidden("A page of another origin asks for this.")
        if scope["path"] in {SIGN_IN, SIGN_OUT}:
            return
        identity = await self._door.admit(read_cookie(headers))
        if identity.anonymous:
            identity = limit_anonymous(identity, headers, self._settings, scope.get("http_version", "1.1"))
        identity.require("read")
        CURRENT_IDENTITY.set(identity)
        CURRENT_SESSION.set(read_cookie(headers))

    async def _serve_in_place(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket, unless its project or client has as many as are allowed."""
        identity = CURRENT_IDENTITY.get()
        client = scope.get("client")
        try:
            with self._watchers.held(identity.project_id if identity else "", client[0] if client else None):
                await self._serve_while_seated(scope, receive, send)
        except Overloaded as error:
            await _refuse(error, scope, receive, send)

    async def _serve_while_seated(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket until either side closes it, or until its session would be refused."""
        serving = asyncio.ensure_future(self._app(scope, receive, send))
        try:
            while not serving.done():
                await asyncio.wait({serving}, timeout=_CHECK_SECONDS)
                if not serving.done() and await self._has_ended(scope):
                    serving.cancel()
                    await asyncio.wait({serving})
                    await send({"type": "websocket.close", "code": _SESSION_ENDED})
                    return
            await serving
        finally:
            serving.cancel()

    async def _has_ended(self, scope: Scope) -> bool:
        try:
            await self._door.admit(read_cookie(Headers(scope=scope)))
        except Unauthorized:
            return True
        except MonitorError:
            return False  # the session cannot be checked now
        return False


def read_cookie(headers: Headers, name: str = COOKIE) -> str | None:
    """Return the value of a cookie, or None if there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return found.value if found else None


def is_secure(scope: Scope) -> bool:
    """Tell whether the browser uses TLS, to this server or to a proxy before it."""
    return scope["scheme"] == "https" or Headers(scope=scope).get("x-forwarded-proto") == "https"


def _is_open(scope: Scope) -> bool:
    path = scope["path"]
    return scope["type"] == "http" and (path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS))


def _changes_something(scope: Scope) -> bool:
    return scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS


def _sent_from_here(headers: Headers, allowed: tuple[str, ...]) -> bool:
    """Tell whether a request comes from a page of this dashboard.

    Browsers name the origin of every request that could change something. A request without an
    origin comes from no page.
    """
    site = headers.get("sec-fetch-site")
    return site == "same-origin" or (site in {None, "none"} and same_origin(headers, allowed))


async def _refuse(error: MonitorError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).close(_POLICY_VIOLATION, error.title)
        return
    response: Response
    headers = Headers(scope=scope)
    # A script cannot use a form. It gets an error, and assets/session.js redirects the browser.
    is_visit = headers.get("sec-fetch-dest", "document") == "document" and scope["method"] == "GET"
    if isinstance(error, Unauthorized) and is_visit:
        query = scope["query_string"].decode("latin-1")
        target = quote(scope["path"] + (f"?{query}" if query else ""))
        ended = "" if read_cookie(headers) is None else "&ended"
        response = RedirectResponse(f"{SIGN_IN}?next={target}{ended}", HTTPStatus.SEE_OTHER)
    else:
        retry = {"Retry-After": str(error.retry_after)} if error.retry_after else None
        response = PlainTextResponse(error.detail, error.status, retry)
    await response(scope, receive, send)
