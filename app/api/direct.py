"""A shorter way to the busiest route: requests are answered before the framework sees them.

FastAPI's middleware, its two exit stacks, its routers and its handling of parameters are half of
the cost of accepting a record. The short way calls the same functions as the framework's way, one
after the other. Two kinds of requests go through the framework: those of web pages, because
browsers need more headers, and those that repeat a header.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from app.api.access import identity_behind, require
from app.api.access_middleware import admit
from app.api.dependencies import Services
from app.api.instruments import UNROUTED, Instruments
from app.api.problems import GONE, answer_expected, answer_unexpected
from app.errors import MonitorError
from app.serving.headers import security_headers

__all__ = ["Application", "DirectRoute", "Endpoint"]

Endpoint = Callable[[Request, Services, str], Awaitable[Response]]
"""Answers a request, given the services and the project of its sender."""


class Application(FastAPI):
    """FastAPI with direct routes, which are tried first."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.direct_routes: dict[str, DirectRoute] = {}
        self._by_id: list[_ById] = []

    def answer_directly(
        self, path: str, endpoint: Endpoint, *, policy: str, instruments: Instruments
    ) -> None:
        """Let `endpoint` answer POST at this path, with the headers and counts of middleware.

        A router has to hold the same endpoint for the requests that go through the framework. The
        path may have one parameter, such as `/budgets/{budget_id}/check`, that is a UUID. The
        endpoint finds it in `request.path_params`.
        """
        route = DirectRoute(path, endpoint, policy, instruments)
        before, _, rest = path.partition("{")
        name, _, after = rest.partition("}")
        if name:
            self._by_id.append(_ById(before, after, name, route))
        else:
            self.direct_routes[path] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        posted = scope.get("method") == "POST"
        route = (self.direct_routes.get(scope["path"]) or self._with_id(scope)) if posted else None
        if route is None or (headers := _single(scope)) is None:
            # The framework redirects an address with an extra slash to the one without, with the
            # request's Host.
            strays = scope["type"] == "http" and scope["path"].endswith("/")
            await super().__call__(scope, receive, _staying(send) if strays else send)
            return
        scope["app"] = self
        await route.handle(_Request(scope, receive, send, headers), send)

    def _with_id(self, scope: Scope) -> DirectRoute | None:
        """Return the route of a path with an id, and note the id; None for all other paths."""
        path = scope["path"]
        for before, after, name, route in self._by_id:
            if path.startswith(before) and path.endswith(after) and not scope.get("query_string"):
                with contextlib.suppress(ValueError):
                    scope["path_params"] = {name: UUID(path[len(before) : -len(after)])}
                    return route
        return None


def _staying(send: Send) -> Send:
    """Return a `send` whose redirections name no host, so that the client stays at its host."""

    async def stay(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (
                    name,
                    urlsplit(value)._replace(scheme=b"", netloc=b"").geturl()
                    if name == b"location"
                    else value,
                )
                for name, value in message["headers"]
            ]
            message = {**message, "headers": headers}
        await send(message)

    return stay


class _Headers(dict[str, str]):
    """The headers of a request that repeats no header."""

    def getlist(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


class _Request(Request):
    """A request whose headers were read once, instead of at every access."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, headers: _Headers) -> None:
        super().__init__(scope, receive, send)
        self._read = headers

    @property
    def headers(self) -> Any:
        """The headers by their names in lower case."""
        return self._read


def _single(scope: Scope) -> _Headers | None:
    """Return the headers of a request; None where one is repeated or where a web page sends it."""
    raw = scope["headers"]
    headers = _Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])
    return None if len(headers) != len(raw) or "origin" in headers else headers


class _ById(NamedTuple):
    """A path with an id between two texts, and the route that answers there."""

    before: str
    after: str
    name: str
    route: DirectRoute


class DirectRoute:
    """Answers POST at exactly one path, adds security headers and counts the request."""

    def __init__(self, path: str, endpoint: Endpoint, policy: str, instruments: Instruments) -> None:
        self._path = path
        self._place = f"POST {path}"
        self._endpoint = endpoint
        self._headers = {scheme: security_headers(policy, scheme) for scheme in ("http", "https")}
        self._instruments = instruments

    async def handle(self, request: Request, send: Send) -> None:
        """Answer a request.

        A MonitorError becomes its problem document. An unexpected error is raised after its answer.
        """
        scope, begun = request.scope, time.perf_counter()
        route, status = UNROUTED, 500
        unexpected: Exception | None = None
        try:
            try:
                await admit(scope, request.headers)
                route = self._path
                require(request, self._place)
                response = await self._endpoint(
                    request, request.app.state.services, identity_behind(request).project_id
                )
            except MonitorError as error:
                response = answer_expected(request, error)
            except ClientDisconnect:
                status = GONE
                return
            except Exception as error:  # noqa: BLE001 raised below, for the server's log
                response, unexpected = answer_unexpected(request), error
            status = response.status_code
            headers = [*response.raw_headers, *self._headers[scope["scheme"]]]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": response.body})
        finally:
            self._instruments.observe("POST", route, status, time.perf_counter() - begun)
        if unexpected:
            raise unexpected
