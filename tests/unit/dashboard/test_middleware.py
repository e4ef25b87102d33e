from __future__ import annotations

from typing import Any

import pytest

from app.access.identity import Identity, anonymous
from app.config import Settings
from app.errors import Unauthorized
from dashboard.auth.middleware import SignInMiddleware


class ClosedAuthenticator:
    """Lets nobody in."""

    async def admit(self, _: str | None) -> Identity:
        raise Unauthorized("Send a key.")


class OpenAuthenticator:
    """Lets everybody in, as a machine of one's own does."""

    async def admit(self, _: str | None) -> Identity:
        return anonymous(("ingest", "read", "admin"))


async def visit(authenticator: Any, path: str, **headers: str) -> int:
    """The status of a page; 200 when it is let through to the application."""
    sent: list[int] = []

    async def app(*_: Any) -> None:
        sent.append(200)

    async def send(message: Any) -> None:
        if "status" in message:
            sent.append(message["status"])

    raw = [
        (name.replace("_", "-").encode(), value.encode())
        for name, value in {"host": "localhost", **headers}.items()
    ]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": raw}
    await SignInMiddleware(app, authenticator=authenticator, settings=Settings())(scope, None, send)
    return sent[0]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/_favicon.ico", 200),
        ("/assets/style.css", 200),
        ("/_dash-component-suites/dash/a.js", 200),
        ("/login", 200),
        ("/_favicon.icoX", 303),
        ("/_favicon.ico/", 303),
        ("/assets", 303),
        ("/assetsX/style.css", 303),
        ("/loginX", 303),
        ("/", 303),
    ],
)
async def test_only_exact_addresses_need_no_session(path: str, status: int) -> None:
    assert await visit(ClosedAuthenticator(), path) == status


async def test_behind_a_proxy_nobody_sees_what_this_machine_sees() -> None:
    assert await visit(OpenAuthenticator(), "/") == 200
    assert await visit(OpenAuthenticator(), "/", x_forwarded_for="203.0.113.9") == 303
    assert await visit(OpenAuthenticator(), "/", host="192.0.2.1:8080") == 303
