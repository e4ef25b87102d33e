"""Projects and their decisions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from app.access.administration import change_settings, find_project, make_project
from app.access.decisions import SETTINGS_BYTES, Match, apply_patch, etag_of, name_fields
from app.access.identity import reach
from app.api.administration import ProjectIn, ProjectList, line_of, read_patch, read_struct
from app.api.dependencies import Caller, Reading, Services, Serving
from app.api.openapi import PROJECT_BODY, PROJECTS_SHOWN, SETTINGS_BODY, SETTINGS_PATCH, SETTINGS_SHOWN
from app.api.responses import json_response
from app.errors import Forbidden, Unavailable
from app.schemas.projects import ProjectSettings
from app.storage.access.projects import read_projects
from app.storage.engine import writing

__all__ = ["router"]

router = APIRouter(prefix="/projects", tags=["projects"])

Lifting = Annotated[
    Literal["off"] | None,
    Query(description="Says that redaction is meant to be turned off, or to find less."),
]


@router.get("", **PROJECTS_SHOWN)
async def get_projects(connection: Reading, caller: Caller) -> Response:
    """List the projects that the key administers: its own, or with an admin key of `default` all."""
    found = await read_projects(connection)
    shown = [project for project in found if caller.operator or project.project_id == caller.project_id]
    return json_response(ProjectList(tuple(shown)))


@router.post("", **PROJECT_BODY)
async def post_project(request: Request, serving: Serving, caller: Caller) -> Response:
    """Make a project; that takes an admin key of the project `default`."""
    if not caller.operator:
        raise Forbidden("Only an admin key of the project default makes projects.")
    asked = await read_struct(request, ProjectIn, limit=SETTINGS_BYTES)
    serving.privacy.allow(asked.settings.redaction)
    line = line_of(request, serving, asked.project_id)
    async with writing(serving.engine) as connection:
        made = await make_project(connection, line, asked.name, asked.settings)
    return json_response(made, HTTPStatus.CREATED)


@router.get("/{project_id}/settings", **SETTINGS_SHOWN)
async def get_settings(connection: Reading, caller: Caller, project_id: str) -> Response:
    """Return what a project decided otherwise than everybody, with an ETag for PUT."""
    reach(caller, project_id)
    settings = (await find_project(connection, project_id)).settings
    return json_response(settings, headers={"ETag": etag_of(settings)})


@router.put("/{project_id}/settings", **SETTINGS_BODY)
async def put_settings(
    request: Request, serving: Serving, caller: Caller, project_id: str, redaction: Lifting = None
) -> Response:
    """Replace them, but the policy (PUT /policy); API and workers go by the new ones within two seconds.

    Whatever the body leaves out is as for everybody then, so the request says in If-Match which settings it
    replaces; the header `Settings-Dropped` of the answer names what was decided before and is not any more. 428
    without If-Match and 412 for settings that were changed meanwhile name it too. 409 where redaction is turned
    off and the address does not say so, and where personal data is to be hashed or dropped and
    LLM_MONITOR_PRIVACY_KEY is not set.
    """
    reach(caller, project_id)
    settings = await read_struct(request, ProjectSettings, limit=SETTINGS_BYTES)
    match = Match(request.headers.get("if-match"))
    return await _change(request, serving, project_id, lambda _: settings, match, redaction)


@router.patch("/{project_id}/settings", **SETTINGS_PATCH)
async def patch_settings(
    request: Request, serving: Serving, caller: Caller, project_id: str, redaction: Lifting = None
) -> Response:
    """Change some of them by a merge patch (RFC 7396): what it leaves out stays, null is as for everybody.

    409 where redaction is turned off and the address does not say so, and where personal data is to be hashed or
    dropped and LLM_MONITOR_PRIVACY_KEY is not set.
    """
    reach(caller, project_id)
    patch = await read_patch(request, limit=SETTINGS_BYTES)
    sent = request.headers.get("if-match")
    match = None if sent is None else Match(sent)
    return await _change(request, serving, project_id, partial(apply_patch, patch), match, redaction)


async def _change(
    request: Request,
    serving: Services,
    project_id: str,
    change: Callable[[ProjectSettings], ProjectSettings],
    match: Match | None,
    redaction: str | None,
) -> Response:
    def changed(before: ProjectSettings) -> ProjectSettings:
        settings = change(before)
        serving.privacy.allow(settings.redaction)
        return settings

    line = line_of(request, serving, project_id)
    async with writing(serving.engine) as connection:
        settings, dropped = await change_settings(
            connection, line, changed, match=match, lifted=redaction == "off"
        )
    with suppress(Unavailable):  # this process goes by them at once, so that who tries them out sees them
        await serving.projects.refresh()
    headers = {"ETag": etag_of(settings)}
    if dropped:
        headers["Settings-Dropped"] = name_fields(dropped)
    return json_response(settings, headers=headers)
