"""A short way to the routes that carry traffic: the same endpoint and dependencies, without what they do not use.

FastAPI solves parameters, keeps two exit stacks and walks its routers for every request, which is half of what
taking a record costs. A route whose endpoint and dependencies ask for nothing but the request and each other
needs none of that. Any other one is left to FastAPI, so that whatever a dependency guards stays guarded.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

__all__ = ["DirectRoute", "install"]

Respond = Callable[[Request], Awaitable[Response]]

_UNUSED = (
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


def install(app: FastAPI, *paths: str) -> list[str]:
    """Put a direct route before each POST route of these paths that can have one; returns their paths.

    To be called when every router is included.
    """
    made = []
    for context in list(iter_route_contexts(app.router.routes)):
        dependant = getattr(context, "dependant", None)
        if context.path in paths and context.methods == {"POST"} and dependant and _is_plain(dependant):
            app.router.routes.insert(0, DirectRoute(context.path, _respond(dependant)))
            made.append(context.path)
    return made


class DirectRoute(BaseRoute):
    """Answers POST at exactly one path."""

    def __init__(self, path: str, respond: Respond) -> None:
        self.path = path
        self.methods = {"POST"}
        self._respond = respond

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match this path alone; whatever else is left to the routes behind."""
        if scope["type"] == "http" and scope["path"] == self.path and scope["method"] == "POST":
            return Match.FULL, {"path_params": {}, "route": self}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; errors go up to the application's handlers."""
        response = await self._respond(Request(scope, receive, send))
        await response(scope, receive, send)


def _is_plain(dependant: Dependant) -> bool:
    """Tell whether it and all it depends on are coroutine functions of the request and each other."""
    return (
        inspect.iscoroutinefunction(dependant.call)
        and not any(getattr(dependant, name) for name in _UNUSED)
        and all(_is_plain(one) for one in dependant.dependencies)
    )


def _respond(dependant: Dependant) -> Respond:
    async def respond(request: Request) -> Response:
        response: Response = await _solve(dependant, request, {})
        return response

    return respond


async def _solve(dependant: Dependant, request: Request, solved: dict[Any, Any]) -> Any:
    """Call a dependant after what it depends on, each function once per request."""
    call: Any = dependant.call
    if dependant.use_cache and call in solved:
        return solved[call]
    values = {}
    for one in dependant.dependencies:
        value = await _solve(one, request, solved)
        if one.name is not None:
            values[one.name] = value
    for name in (dependant.request_param_name, dependant.http_connection_param_name):
        if name is not None:
            values[name] = request
    solved[call] = found = await call(**values)
    return found
