"""The keys of a project."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from fastapi import APIRouter, Request, Response

from app.access.administration import find_project, issue_key, withdraw_key
from app.access.identity import reach
from app.api.administration import KeyIn, KeyList, NewKey, describe_key, line_of, read_struct
from app.api.dependencies import Caller, Reading, Serving, Writing
from app.api.openapi import KEY_BODY, KEY_SHOWN, KEYS_SHOWN
from app.api.responses import json_response
from app.storage.access.keys import read_keys
from app.storage.engine import writing

__all__ = ["router"]

router = APIRouter(prefix="/projects/{project_id}/keys", tags=["keys"])

_BODY_BYTES = 16 * 1024


@router.get("", **KEYS_SHOWN)
async def get_keys(connection: Reading, serving: Serving, caller: Caller, project_id: str) -> Response:
    """List every key of a project, those that ended too; no answer ever shows the key itself."""
    reach(caller, project_id)
    await find_project(connection, project_id)
    now = serving.clock()
    keys = await read_keys(connection, project_id)
    return json_response(KeyList(tuple(describe_key(key, now) for key in keys)))


@router.post("", **KEY_BODY)
async def post_key(request: Request, serving: Serving, caller: Caller, project_id: str) -> Response:
    """Make a key; `key` in the answer is shown this once and stored nowhere."""
    reach(caller, project_id)
    asked = await read_struct(request, KeyIn, limit=_BODY_BYTES)
    line = line_of(request, serving, project_id)
    async with writing(serving.engine) as connection:
        key, text = await issue_key(connection, line, asked.to_request())
    shown = NewKey(**msgspec.structs.asdict(describe_key(key, line.now)), key=text)
    return json_response(shown, HTTPStatus.CREATED, {"Cache-Control": "no-store"})


@router.delete("/{prefix}", **KEY_SHOWN)
async def delete_key(
    request: Request, connection: Writing, serving: Serving, caller: Caller, project_id: str, prefix: str
) -> Response:
    """Revoke a key for good; every process refuses it within two seconds."""
    reach(caller, project_id)
    line = line_of(request, serving, project_id)
    return json_response(describe_key(await withdraw_key(connection, line, prefix), line.now))
