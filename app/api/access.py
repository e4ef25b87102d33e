"""What each route requires of a key. Only this module decides that.

The application does not start while a route is missing here, so a new route cannot be open by
oversight. `open` needs no key, `known` any valid key, the others the scope of that name (`admin`
includes all scopes, and `ingest` includes `feedback`).
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
    "GET /evaluate/{job_id}/results": "read",
    "GET /datasets": "read",
    "POST /datasets": "admin",
    "GET /datasets/{dataset_id}": "read",
    "DELETE /datasets/{dataset_id}": "admin",
    "GET /datasets/{dataset_id}/items": "read",
    "POST /datasets/{dataset_id}/items": "admin",
    "DELETE /datasets/{dataset_id}/items/{item_id}": "admin",
    "GET /experiments": "read",
    "POST /experiments": "ingest",
    "GET /experiments/compare": "read",
    "GET /experiments/{experiment_id}": "read",
    "GET /experiments/{experiment_id}/answers": "read",
    "POST /experiments/{experiment_id}/approve": "admin",
    "DELETE /experiments/{experiment_id}": "admin",
    "GET /filters/fields": "read",
    "GET /export": "read",
    "GET /traces": "read",
    "GET /traces/{trace_id}": "read",
    "GET /traces/{trace_id}/tree": "read",
    "DELETE /traces/{trace_id}": "admin",
    "POST /traces/{trace_id}/labels": "admin",
    "DELETE /traces/{trace_id}/labels/{label_id}": "admin",
    "DELETE /users/{user_id:path}": "admin",
    "GET /review/next": "admin",
    "GET /jobs": "read",
    "GET /jobs/{job_id}": "read",
    "DELETE /jobs/{job_id}": "admin",
    "GET /metrics": "read",
    "GET /metrics/agreement": "read",
    "GET /metrics/quality": "read",
    "GET /metrics/safety": "read",
    "GET /metrics/cost": "read",
    "GET /metrics/models": "read",
    "GET /metrics/relevance": "read",
    "POST /feedback": "feedback",
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
    "GET /prices": "read",
    "PUT /prices": "admin",
    "POST /prices": "admin",
    "DELETE /prices": "admin",
    "GET /budgets": "read",
    "GET /budgets/{budget_id}": "read",
    "POST /budgets": "admin",
    "PATCH /budgets/{budget_id}": "admin",
    "POST /budgets/{budget_id}/check": "ingest",
    "DELETE /budgets/{budget_id}": "admin",
    "WS /ws/metrics": "read",
    "GET /projects": "admin",
    "POST /projects": "admin",
    "GET /projects/{project_id}/settings": "admin",
    "PUT /projects/{project_id}/settings": "admin",
    "PATCH /projects/{project_id}/settings": "admin",
    "GET /projects/{project_id}/keys": "admin",
    "POST /projects/{project_id}/keys": "admin",
    "DELETE /projects/{project_id}/keys/{prefix}": "admin",
    "GET /alerts": "read",
    "GET /alerts/rules": "read",
    "POST /alerts/rules": "admin",
    "POST /alerts/rules/trial": "read",
    "POST /alerts/ready/{name}": "admin",
    "GET /alerts/rules/{rule_id}": "read",
    "PUT /alerts/rules/{rule_id}": "admin",
    "DELETE /alerts/rules/{rule_id}": "admin",
    "GET /alerts/{rule_id}/history": "read",
    "POST /alerts/{rule_id}/acknowledge": "admin",
    "POST /alerts/{rule_id}/snooze": "admin",
    "GET /alerts/channels": "admin",
    "POST /alerts/channels": "admin",
    "GET /alerts/channels/{channel_id}": "admin",
    "PATCH /alerts/channels/{channel_id}": "admin",
    "DELETE /alerts/channels/{channel_id}": "admin",
    "POST /alerts/channels/{channel_id}/test": "admin",
    "GET /alerts/deliveries": "admin",
    "GET /audit": "admin",
    "GET /views": "read",
    "POST /views": "admin",
    "DELETE /views/{view_id}": "admin",
    "GET /boards": "read",
    "GET /boards/{board_id}": "read",
    "PUT /boards/{board_id}": "admin",
    "DELETE /boards/{board_id}": "admin",
    "POST /sessions": "open",
    "GET /sessions/current": "known",
    "DELETE /sessions/current": "known",
}

# Addresses that belong to no router: the schema, and the files of the documentation page.
_OPEN_PATHS: Final = {"/openapi.json"} | {
    place.partition(" ")[2] for place, need in ACCESS.items() if need == "open"
}
_OPEN_FOLDER: Final = "/docs/assets/"


def is_open(path: str) -> bool:
    """Tell whether a path is answered to anybody, with or without a key."""
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
    """Return the identity of a request's sender; raises LookupError for an open route."""
    found: Identity = connection.scope["identity"]
    return found


async def authorize(connection: HTTPConnection) -> None:
    """Raise Forbidden when the sender lacks the scope that the route of a request needs.

    A WebSocket is checked by `AccessMiddleware`, which can still refuse its handshake.
    """
    if connection.scope["type"] == "http":
        require(connection, f"{connection.scope['method']} {connection.scope['route'].path}")


def require(connection: HTTPConnection, place: str) -> None:
    """Raise Forbidden unless the sender may use this route, NotFound where there is none."""
    match ACCESS.get(place):
        case None:
            raise NotFound("There is no such address. /docs lists all of them.")
        case "open" | "known":
            return
        case scope:
            identity_behind(connection).require(scope)
