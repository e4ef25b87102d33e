"""Routes for the views of the dashboard that are saved for everybody in a project."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.access.saved_views import remove_view, save_view
from app.api.administration import line_of, read_struct
from app.api.dependencies import Project, Reading, Serving
from app.api.operations import VIEW_BODY, VIEWS_SHOWN
from app.api.responses import json_response
from app.api.saved_views import SavedViewIn, SavedViewList, show_view
from app.storage.access.saved_views import read_views
from app.storage.engine import writing

__all__ = ["router"]

router = APIRouter(prefix="/views", tags=["views"])

_BODY_BYTES = 32 * 1024


@router.get("", **VIEWS_SHOWN)
async def get_views(connection: Reading, project: Project) -> Response:
    """List the saved views of the project, by their names."""
    views = await read_views(connection, project)
    return json_response(SavedViewList(tuple(map(show_view, views))))


@router.post("", **VIEW_BODY)
async def post_view(request: Request, serving: Serving, project: Project) -> Response:
    """Save a page of the dashboard with its period, filter and other fields under a name."""
    body = await read_struct(request, SavedViewIn, limit=_BODY_BYTES)
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        view = await save_view(connection, line, body.name, body.path, body.query)
    return json_response(show_view(view), HTTPStatus.CREATED)


@router.delete("/{view_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_view(request: Request, serving: Serving, project: Project, view_id: UUID) -> Response:
    """Remove a saved view."""
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        await remove_view(connection, line, view_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)
