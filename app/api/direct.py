"""The short way to the route that carries most traffic: it is answered before the framework sees the request.

FastAPI's middleware, its two exit stacks, its routers and its solving of parameters are half of what taking a
record costs. The short way calls the same functions as the long one, written out one after the other. Two kinds of
requests take the long way: those of web pages, for which browsers ask for more, and those that repeat a header.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

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
    """FastAPI with direct routes before everything else."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.direct_routes: dict[str, DirectRoute] = {}

    def answer_directly(
        self, path: str, endpoint: Endpoint, *, policy: str, instruments: Instruments
    ) -> None:
        """Let `endpoint` answer POST at this path, with the headers and counts of middleware.

        A router has to hold the same endpoint for what takes the long way.
        """
        self.direct_routes[path] = DirectRoute(path, endpoint, policy, instruments)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        route = self.direct_routes.get(scope.get("path", ""))
        if route is None or scope.get("method") != "POST" or (headers := _single(scope)) is None:
            # The framework leads from an address with a slash too many to the one without, under whatever Host it was told.
            strays = scope["type"] == "http" and scope["path"].endswith("/")
            await super().__call__(scope, receive, _staying(send) if strays else send)
            return
        scope["app"] = self
        await route.handle(_Request(scope, receive, send, headers), send)


def _staying(send: Send) -> Send:
    """Return a `send` whose redirections name no host, so that they stay where the client was."""

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
    """Headers of which none is repeated."""

    def getlist(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


class _Request(Request):
    """A request whose headers were read once, instead of at every look."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, headers: _Headers) -> None:
        super().__init__(scope, receive, send)
        self._read = headers

    @property
    def headers(self) -> Any:
        """The headers by their names in lower case."""
        return self._read


def _single(scope: Scope) -> _Headers | None:
    """Return the headers of a request, None where one is repeated or where a web page sends it."""
    raw = scope["headers"]
    headers = _Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])
    return None if len(headers) != len(raw) or "origin" in headers else headers


class DirectRoute:
    """Answers POST at exactly one path, with security headers and counted."""

    def __init__(self, path: str, endpoint: Endpoint, policy: str, instruments: Instruments) -> None:
        self._path = path
        self._place = f"POST {path}"
        self._endpoint = endpoint
        self._headers = {scheme: security_headers(policy, scheme) for scheme in ("http", "https")}
        self._instruments = instruments

    async def handle(self, request: Request, send: Send) -> None:
        """Answer, errors with their problem; one that nobody expected is raised after its answer."""
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
