"""Projects and their decisions."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from app.access.administration import change_settings, find_project, make_project
from app.access.identity import reach
from app.api.administration import ProjectIn, ProjectList, line_of, read_struct
from app.api.dependencies import Caller, Reading, Serving, Writing
from app.api.openapi import PROJECT_BODY, PROJECTS_SHOWN, SETTINGS_BODY, SETTINGS_SHOWN
from app.api.responses import json_response
from app.errors import Forbidden
from app.schemas.projects import ProjectSettings
from app.storage.projects import read_projects

__all__ = ["router"]

router = APIRouter(prefix="/projects", tags=["projects"])


@router.get("", **PROJECTS_SHOWN)
async def get_projects(connection: Reading, caller: Caller) -> Response:
    """List the projects that the key administers: its own, or with an admin key of `default` all."""
    found = await read_projects(connection)
    shown = [project for project in found if caller.operator or project.project_id == caller.project_id]
    return json_response(ProjectList(tuple(shown)))


@router.post("", **PROJECT_BODY)
async def post_project(request: Request, connection: Writing, serving: Serving, caller: Caller) -> Response:
    """Make a project; that takes an admin key of the project `default`."""
    if not caller.operator:
        raise Forbidden("Only an admin key of the project default makes projects.")
    asked = await read_struct(request, ProjectIn, limit=serving.settings.max_body_bytes)
    serving.privacy.allow(asked.settings.redaction)
    line = line_of(request, serving, asked.project_id)
    return json_response(await make_project(connection, line, asked.name, asked.settings), HTTPStatus.CREATED)


@router.get("/{project_id}/settings", **SETTINGS_SHOWN)
async def get_settings(connection: Reading, caller: Caller, project_id: str) -> Response:
    """Return what a project decided otherwise than everybody."""
    reach(caller, project_id)
    return json_response((await find_project(connection, project_id)).settings)


@router.put("/{project_id}/settings", **SETTINGS_BODY)
async def put_settings(
    request: Request, connection: Writing, serving: Serving, caller: Caller, project_id: str
) -> Response:
    """Replace them, but the policy (PUT /policy); API and workers go by the new ones within two seconds.

    409 where personal data is to be hashed or dropped and LLM_MONITOR_PRIVACY_KEY is not set.
    """
    reach(caller, project_id)
    settings = await read_struct(request, ProjectSettings, limit=serving.settings.max_body_bytes)
    serving.privacy.allow(settings.redaction)
    line = line_of(request, serving, project_id)
    return json_response(await change_settings(connection, line, settings))
