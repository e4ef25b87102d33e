"""Signing in and out: what the dashboard does for people."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from app.access.credentials import read_credential
from app.access.identity import Identity, identity_of
from app.access.sessions import is_session
from app.access.visitors import VISITOR_HEADER, Visitors
from app.api.administration import NewSession, SignIn, Who, read_struct
from app.api.dependencies import Caller, Serving
from app.api.openapi import SESSION_BODY, WHO_SHOWN
from app.api.responses import json_response
from app.errors import InvalidRecord
from app.schemas.keys import SCOPES

__all__ = ["router"]

router = APIRouter(prefix="/sessions", tags=["sessions"])

_BODY_BYTES = 4096
_TRIES_PER_MINUTE = 2
_TRIES_AT_ONCE = 10


@router.post("", **SESSION_BODY)
async def post_session(request: Request, serving: Serving) -> Response:
    """Sign in with a key, or as admin of a project with its password.

    One address may try ten wrong passwords at once and then two a minute; those of others are not counted.
    """
    asked = await read_struct(request, SignIn, limit=_BODY_BYTES)
    if (asked.key is None) == (asked.password is None):
        raise InvalidRecord("Give either key or password.")
    if asked.key is not None:
        identity = identity_of(await serving.authenticator.keyring.find(asked.key))
        if identity.rate is not None:
            await serving.rates.take(*identity.rate)
        token, session = await serving.authenticator.sessions.begin(identity)
    else:
        address = request.client.host if request.client else None
        client = await Visitors(serving.redis).recognize(request.headers.get(VISITOR_HEADER), address)
        bucket, password = f"sign-in:{client}", asked.password or ""
        await serving.rates.take(bucket, _TRIES_PER_MINUTE, _TRIES_AT_ONCE)
        token, session = await serving.authenticator.sign_in(asked.project_id, password, client=client)
        # This try alone: who knows one password gets no more tries at another.
        await serving.rates.give_back(bucket, _TRIES_PER_MINUTE)
    shown = NewSession(
        project_id=session.project_id,
        scopes=session.scopes,
        actor=session.actor,
        session=token,
        expires_at=session.expires_at,
    )
    return json_response(shown, HTTPStatus.CREATED, {"Cache-Control": "no-store"})


@router.get("/current", **WHO_SHOWN)
async def get_session(caller: Caller) -> Response:
    """Tell whose key or session this is and what it may do."""
    return json_response(_who(caller))


@router.delete("/current", **WHO_SHOWN)
async def delete_session(request: Request, serving: Serving, caller: Caller) -> Response:
    """Sign out; a key is not ended by this."""
    credential = read_credential(request.headers)
    if credential is not None and is_session(credential):
        await serving.authenticator.sessions.end(credential)
    return json_response(_who(caller))


def _who(caller: Identity) -> Who:
    scopes = tuple(scope for scope in SCOPES if scope in caller.scopes)
    return Who(project_id=caller.project_id, scopes=scopes, actor=caller.actor)
