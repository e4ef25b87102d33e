"""Signing in and out: forms that work without any script."""

from __future__ import annotations

import hmac
import re
import secrets
from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.access.visitors import Visitors
from dashboard.auth.middleware import COOKIE, SIGN_IN, SIGN_OUT, is_secure, read_cookie

__all__ = ["sign_in_router"]

_FORM_COOKIE: Final = "llm-monitor-form"
_FORM_BYTES: Final = 8192
_FORM_SECONDS: Final = 3600
_FORM_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_FORM_RANDOM_BYTES: Final = 16
_ENDED: Final = "Your session has ended. Sign in to go on where you were."
_POLICY: Final = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in · LLM Monitor</title>
<link rel="icon" href="/assets/icons/favicon.svg"><link rel="stylesheet" href="/assets/login.css">
</head>
<body>
<main>
<h1>LLM Monitor</h1>
{said}
<form method="post" action="{action}">
{hidden}
<label for="key">Key with the scope read</label>
<input id="key" name="key" type="password" autocomplete="off" spellcheck="false" placeholder="lm_…" required autofocus>
<button type="submit" name="by" value="key">Sign in with the key</button>
</form>
<div class="or"><span>or as an admin</span></div>
<form method="post" action="{action}">
{hidden}
<label for="project">Project</label>
<input id="project" name="project" autocomplete="username" spellcheck="false" value="{project}" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit" name="by" value="password" class="quiet">Sign in with the password</button>
</form>
<p class="remark"><code>llm-monitor keys create NAME --scope read</code> makes a key,
<code>llm-monitor projects password</code> sets the password.</p>
</main>
</body>
</html>
"""
_HIDDEN: Final = (
    '<input type="hidden" name="form" value="{form}"><input type="hidden" name="next" value="{next}">'
)


def sign_in_router(client: httpx.AsyncClient, visitors: Visitors) -> APIRouter:
    """Return the routes of the forms; sessions begin and end at the API that `client` reaches."""
    router = APIRouter()

    @router.get(SIGN_IN)
    async def show(request: Request) -> Response:
        ended = _ENDED if "ended" in request.query_params else None
        return _page(request, target=request.query_params.get("next", "/"), remark=ended)

    @router.post(SIGN_IN)
    async def sign_in(request: Request) -> Response:
        form = await _read_form(request)
        target, project = form.get("next", "/"), form.get("project", "default")
        known = read_cookie(request.headers, _FORM_COOKIE)
        if not known or not hmac.compare_digest(known.encode(), form.get("form", "").encode()):
            return _page(request, target, "This form was too old; please try again.", HTTPStatus.FORBIDDEN)
        by_key = form.get("by") != "password"
        asked = {"key": form.get("key", "").strip()} if by_key else _admin(project, form)
        announced = await visitors.introduce(request.client.host if request.client else None)
        try:
            answer = await client.post("/sessions", json=asked, headers=announced)
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

    @router.post(SIGN_OUT)
    async def sign_out(request: Request) -> Response:
        token = read_cookie(request.headers)
        problem = None
        if token:
            try:
                await client.delete("/sessions/current", headers={"Authorization": f"Bearer {token}"})
            except httpx.HTTPError:
                problem = (
                    "This browser is signed out, but the API does not answer: the session ends by itself."
                )
        response = (
            _page(request, "/", problem) if problem else RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
        )
        response.delete_cookie(COOKIE)
        return response

    return router


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
    said = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    said += f'<p class="said" role="status">{escape(remark)}</p>' if remark else ""
    hidden = _HIDDEN.format(form=form, next=escape(_inside(target)))
    content = _PAGE.format(said=said, action=SIGN_IN, hidden=hidden, project=escape(project))
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
