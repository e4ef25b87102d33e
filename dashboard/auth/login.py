"""Signing in and out: forms that work without any script."""

from __future__ import annotations

import hmac
import re
import secrets
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.access.visitors import Visitors
from dashboard.auth.middleware import COOKIE, SIGN_IN, SIGN_OUT, is_secure, read_cookie

__all__ = ["sign_in_router"]

_FORM_COOKIE: Final = "llm-monitor-form"
_FORM_BYTES: Final = 8192
_FORM_SECONDS: Final = 3600
_FORM_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_FORM_RANDOM_BYTES: Final = 16
_ENDED: Final = "Your session has ended. Sign in to go on where you were."
_STILL_OPEN: Final = "This browser is signed out, but the API does not answer: the session ends by itself."
_POLICY: Final = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def sign_in_router(client: httpx.AsyncClient, visitors: Visitors) -> APIRouter:
    """Return the routes of the forms; sessions begin and end at the API that `client` reaches."""
    router, forms = APIRouter(), _Forms(client, visitors)
    router.get(SIGN_IN)(forms.show)
    router.post(SIGN_IN)(forms.sign_in)
    router.post(SIGN_OUT)(forms.sign_out)
    return router


class _Forms:
    """Answers the browser of somebody who signs in or out."""

    def __init__(self, client: httpx.AsyncClient, visitors: Visitors) -> None:
        self._client = client
        self._visitors = visitors

    async def show(self, request: Request) -> Response:
        """Show the forms, and why they are shown where a session has ended."""
        ended = _ENDED if "ended" in request.query_params else None
        return _page(request, target=request.query_params.get("next", "/"), remark=ended)

    async def sign_in(self, request: Request) -> Response:
        """Begin a session and lead to the page that was asked for, or show the forms with what was wrong."""
        form = await _read_form(request)
        target, project = form.get("next", "/"), form.get("project", "default")
        known = read_cookie(request.headers, _FORM_COOKIE)
        if not known or not hmac.compare_digest(known.encode(), form.get("form", "").encode()):
            return _page(request, target, "This form was too old; please try again.", HTTPStatus.FORBIDDEN)
        by_key = form.get("by") != "password"
        asked = {"key": form.get("key", "").strip()} if by_key else _admin(project, form)
        announced = await self._visitors.introduce(request.client.host if request.client else None)
        try:
            answer = await self._client.post("/sessions", json=asked, headers=announced)
        except httpx.HTTPError:
            unavailable = HTTPStatus.SERVICE_UNAVAILABLE
            return _page(request, target, "The API does not answer; try again shortly.", unavailable)
        if answer.status_code != HTTPStatus.CREATED:
            return _page(request, target, _detail(answer), HTTPStatus(answer.status_code), project)
        session = answer.json()
        if not {"read", "admin"} & set(session["scopes"]):
            problem = "This key may not read: make one with the scope read."
            return _page(request, target, problem, HTTPStatus.FORBIDDEN, project)
        response = RedirectResponse(_inside(target), HTTPStatus.SEE_OTHER)
        response.set_cookie(
            COOKIE, session["session"], httponly=True, samesite="lax", secure=is_secure(request.scope)
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session at the API and in the browser, and lead back to the forms."""
        token = read_cookie(request.headers)
        response: Response = RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
        if token:
            try:
                await self._client.delete("/sessions/current", headers={"Authorization": f"Bearer {token}"})
            except httpx.HTTPError:
                response = _page(request, "/", _STILL_OPEN)
        response.delete_cookie(COOKIE)
        return response


def _admin(project: str, form: dict[str, str]) -> dict[str, str]:
    return {"project_id": project.strip(), "password": form.get("password", "")}


async def _read_form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def _page(
    request: Request,
    target: str,
    problem: str | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    project: str = "default",
    remark: str | None = None,
) -> Response:
    known = read_cookie(request.headers, _FORM_COOKIE) or ""
    # Several tabs may show the form at once: what one of them was given counts in all.
    form = known if _FORM_SHAPE.fullmatch(known) else secrets.token_urlsafe(_FORM_RANDOM_BYTES)
    content = _TEMPLATES.get_template("login.html").render(
        action=SIGN_IN,
        form=form,
        problem=problem,
        project=project,
        remark=remark,
        target=_inside(target),
    )
    response = HTMLResponse(
        content, status, {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    )
    response.set_cookie(
        _FORM_COOKIE,
        form,
        max_age=_FORM_SECONDS,
        path=SIGN_IN,
        httponly=True,
        samesite="strict",
        secure=is_secure(request.scope),
    )
    return response


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The API answered {answer.status_code}."


def _inside(target: str) -> str:
    """Return an address of this dashboard: whatever names another host becomes the first page."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    inside = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    return target if inside and target.isprintable() else "/"
