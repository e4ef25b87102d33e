"""A short way to the routes that carry traffic: the same endpoint and dependencies, without what they do not use.

FastAPI's middleware, its two exit stacks, its routers and its solving of parameters are half of what taking a
record costs. A route whose endpoint and dependencies ask for nothing but the request and each other needs none
of that. Any other one is left to FastAPI, so that whatever a dependency guards stays guarded, and so is a request
of a web page, for which browsers ask for more.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from app.api.access_middleware import admit
from app.api.instruments import UNROUTED, Instruments
from app.api.problems import GONE, answer_expected, answer_unexpected
from app.errors import MonitorError
from app.serving.headers import security_headers

__all__ = ["Application", "DirectRoute"]

_UNUSED: Final = (
    "path_params",
    "query_params",
    "header_params",
    "cookie_params",
    "body_params",
    "websocket_param_name",
    "response_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
)


class Application(FastAPI):
    """FastAPI with direct routes before everything else."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.direct_routes: dict[str, DirectRoute] = {}

    def answer_directly(self, *paths: str, policy: str, instruments: Instruments) -> None:
        """Make each POST route of these paths direct that can be, with the headers and counts of middleware.

        To be called when every router is included.
        """
        for context in list(iter_route_contexts(self.router.routes)):
            dependant = getattr(context, "dependant", None)
            if context.path in paths and context.methods == {"POST"} and dependant and _is_plain(dependant):
                self.direct_routes[context.path] = DirectRoute(context.path, dependant, policy, instruments)

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


class _Step(NamedTuple):
    """A function to await: which results of earlier steps it takes by name, and where the request goes.

    `plain` says that it takes the request alone, as its first argument, which is what most of them do.
    """

    call: Callable[..., Awaitable[Any]]
    results: Sequence[tuple[str, int]]
    requests: Sequence[str]
    plain: bool


class DirectRoute:
    """Answers POST at exactly one path, with security headers and counted."""

    def __init__(self, path: str, dependant: Dependant, policy: str, instruments: Instruments) -> None:
        self.path = path
        self._steps: list[_Step] = []
        _plan(dependant, self._steps, {})
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
                scope["route"], route = self, self.path
                response = await self._respond(request)
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

    async def _respond(self, request: Request) -> Response:
        found: list[Any] = []
        for call, results, requests, plain in self._steps:
            if plain:
                found.append(await call(request))
                continue
            arguments = {name: found[number] for name, number in results}
            for name in requests:
                arguments[name] = request
            found.append(await call(**arguments))
        response: Response = found[-1]
        return response


def _is_plain(dependant: Dependant) -> bool:
    """Tell whether it and all it depends on are coroutine functions of the request and each other."""
    return (
        inspect.iscoroutinefunction(dependant.call)
        and not any(getattr(dependant, name) for name in _UNUSED)
        and all(_is_plain(one) for one in dependant.dependencies)
    )


def _plan(dependant: Dependant, steps: list[_Step], known: dict[Any, int]) -> int:
    """Put a dependant after what it depends on, each function once; returns the number of its step."""
    call: Any = dependant.call
    if dependant.use_cache and call in known:
        return known[call]
    numbers = [(one.name, _plan(one, steps, known)) for one in dependant.dependencies]
    results = [(name, number) for name, number in numbers if name is not None]
    wanted = (dependant.request_param_name, dependant.http_connection_param_name)
    requests = [name for name in wanted if name is not None]
    plain = not results and requests == [*inspect.signature(call).parameters]
    steps.append(_Step(call, results, requests, plain))
    known[call] = len(steps) - 1
    return known[call]
