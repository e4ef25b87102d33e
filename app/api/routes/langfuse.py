"""Langfuse's public API as far as a monitor can serve it, so that its SDKs need nothing but another host.

Spans come to `/api/public/otel/v1/traces` as any exporter's do. Scores wait for their call as results of evaluations
do, so nobody learns from an answer which traces there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from app.access.administration import find_project
from app.api.bodies import read_body
from app.api.dependencies import Project, Reading, Services, Serving
from app.api.exports import accept_mapped, decode, is_export
from app.api.langfuse import answer_events, answer_scores, missing_feature, read_events, read_scores
from app.api.openapi import INGESTION_BODY, SCORES_BODY
from app.api.responses import json_response
from app.api.version import VERSION
from app.otlp.mapping import Mapped

__all__ = ["rest", "router"]

_POSTED: Final = frozenset({"scores", "ingestion"})

router = APIRouter(prefix="/api/public", tags=["langfuse"])
rest = APIRouter(prefix="/api/public", include_in_schema=False)


@router.get("/health", include_in_schema=False)
async def get_health() -> dict[str, str]:
    """Tell that this process answers."""
    return {"status": "OK", "version": VERSION}


@router.get("/projects", include_in_schema=False)
async def get_projects(connection: Reading, project: Project) -> Response:
    """Name the project of the key, which is what `auth_check` wants to know."""
    found = await find_project(connection, project)
    named = {"id": found.project_id, "name": found.name}
    return json_response({"data": [{**named, "organization": named, "metadata": {}}]})


@router.post("/scores", **SCORES_BODY)
async def post_scores(request: Request, serving: Serving, project: Project) -> Response:
    """Take one score or a list of them; those of one trace or observation are joined to its call.

    A score whose name says that a user gave it, such as `user-feedback`, becomes feedback too.
    """
    body = await read_body(request, limit=serving.settings.max_body_bytes, formats=("json",))
    scores, listed = await decode(serving, project, body, read_scores)
    outcomes = await _accept(serving, project, (one.found for one in scores))
    return answer_scores(scores, outcomes, listed=listed)


@router.post("/ingestion", **INGESTION_BODY)
async def post_ingestion(request: Request, serving: Serving, project: Project) -> Response:
    """Take a batch of events of Langfuse's older SDKs: scores, traces, generations, spans and events."""
    body = await read_body(request, limit=serving.settings.max_body_bytes, formats=("json",))
    told = await decode(serving, project, body, read_events)
    return answer_events(told, await _accept(serving, project, (one.found for one in told)))


async def _accept(serving: Services, project: str, found: Iterable[Mapped | str | None]) -> Sequence[object]:
    return await accept_mapped(serving, project, [one for one in found if isinstance(one, Mapped)])


@rest.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def refuse_rest(request: Request, rest: str) -> Response:
    """Say what of Langfuse's API is not part of this monitor, and how the address of its exporter is used."""
    if rest in _POSTED:
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})
    if not is_export(request.url.path):
        raise missing_feature(rest)
    if request.method == "POST":  # with a slash too many
        return RedirectResponse(request.url.path.rstrip("/"), HTTPStatus.TEMPORARY_REDIRECT)
    raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})
