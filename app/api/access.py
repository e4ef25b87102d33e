"""What each route asks of a key: the one place where that is decided.

A route that is not listed here keeps the application from being made, so a new one cannot be open by
oversight. `open` needs no key, `known` any key that counts, the others that scope (`admin` has them all).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from fastapi import APIRouter
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from app.access.identity import Identity
from app.errors import NotFound
from app.schemas.keys import Scope

__all__ = ["ACCESS", "Need", "authorize", "check_access", "identity_behind", "is_open", "places", "require"]

Need = Literal["open", "known"] | Scope

ACCESS: Final[dict[str, Need]] = {
    "GET /docs": "open",
    "GET /health": "open",
    "GET /health/ready": "open",
    "POST /monitor/inference": "ingest",
    "POST /monitor/inferences": "ingest",
    "POST /v1/traces": "ingest",
    "POST /v1/logs": "ingest",
    "POST /v1/metrics": "ingest",
    "POST /api/public/otel/v1/traces": "ingest",
    "GET /api/public/health": "open",
    "GET /api/public/projects": "known",
    "POST /api/public/scores": "ingest",
    "POST /api/public/ingestion": "ingest",
    **{
        f"{method} /api/public/{{rest:path}}": "ingest"
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    },
    "POST /guard": "ingest",
    "POST /evaluate": "ingest",
    "GET /evaluate/{job_id}": "read",
    "GET /traces": "read",
    "GET /traces/{trace_id}": "read",
    "GET /traces/{trace_id}/tree": "read",
    "DELETE /traces/{trace_id}": "admin",
    "DELETE /users/{user_id:path}": "admin",
    "GET /jobs": "read",
    "GET /jobs/{job_id}": "read",
    "DELETE /jobs/{job_id}": "admin",
    "GET /metrics": "read",
    "GET /metrics/quality": "read",
    "GET /metrics/safety": "read",
    "GET /metrics/cost": "read",
    "GET /metrics/relevance": "read",
    "POST /feedback": "ingest",
    "GET /feedback": "read",
    "GET /pipeline": "read",
    "GET /pipeline/dead": "read",
    "GET /pipeline/dead/{trace_id}": "read",
    "POST /pipeline/dead/{trace_id}/replay": "admin",
    "POST /pipeline/dead/replay": "admin",
    "DELETE /pipeline/dead/{trace_id}": "admin",
    "DELETE /pipeline/dead": "admin",
    "GET /policy": "read",
    "PUT /policy": "admin",
    "PATCH /policy": "admin",
    "GET /policy/proposal": "read",
    "WS /ws/metrics": "read",
    "GET /projects": "admin",
    "POST /projects": "admin",
    "GET /projects/{project_id}/settings": "admin",
    "PUT /projects/{project_id}/settings": "admin",
    "PATCH /projects/{project_id}/settings": "admin",
    "GET /projects/{project_id}/keys": "admin",
    "POST /projects/{project_id}/keys": "admin",
    "DELETE /projects/{project_id}/keys/{prefix}": "admin",
    "GET /audit": "admin",
    "POST /sessions": "open",
    "GET /sessions/current": "known",
    "DELETE /sessions/current": "known",
}

# What no router holds: the schema, and the files of its page.
_OPEN_PATHS: Final = {"/openapi.json"} | {
    place.partition(" ")[2] for place, need in ACCESS.items() if need == "open"
}
_OPEN_FOLDER: Final = "/docs/assets/"


def is_open(path: str) -> bool:
    """Tell whether a path is answered without asking who wants to know."""
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER)


def places(routes: Iterable[BaseRoute]) -> set[str]:
    """Return the names under which routes are listed: method and path, WS for a WebSocket."""
    return {
        f"{method} {getattr(route, 'path', '')}"
        for route in routes
        for method in getattr(route, "methods", None) or ("WS",)
    }


def check_access(routers: Iterable[APIRouter]) -> None:
    """Raise LookupError for a route without a row, and for a row without a route."""
    found = places(route for router in routers for route in router.routes) | {"GET /docs"}
    if found != ACCESS.keys():
        raise LookupError(
            f"app/api/access.py must say what each route needs. Without a row: {sorted(found - ACCESS.keys())}; "
            f"without a route: {sorted(ACCESS.keys() - found)}"
        )


def identity_behind(connection: HTTPConnection) -> Identity:
    """Return who sent a request, as the gate found out; LookupError for an open route, which asks nobody."""
    found: Identity = connection.scope["identity"]
    return found


async def authorize(connection: HTTPConnection) -> None:
    """Raise Forbidden when the route of a request needs a scope that its sender has not.

    A WebSocket is judged by the gate, which can still refuse its handshake.
    """
    if connection.scope["type"] == "http":
        require(connection, f"{connection.scope['method']} {connection.scope['route'].path}")


def require(connection: HTTPConnection, place: str) -> None:
    """Raise Forbidden unless the sender may use this place, NotFound where nothing is."""
    match ACCESS.get(place):
        case None:
            raise NotFound("Nothing lives at this address; /docs lists what does.")
        case "open" | "known":
            return
        case scope:
            identity_behind(connection).require(scope)
