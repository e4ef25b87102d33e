from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, Request, Response

from app.access.identity import Identity, anonymous
from app.api import problems
from app.api.direct import Application
from app.api.instruments import Instruments
from app.config import Settings
from app.errors import NotFound


async def caller(request: Request) -> str:
    if request.headers.get("x-key") != "right":
        raise NotFound("No such key.")
    return "caller"


async def greeting(name: Annotated[str, Depends(caller)]) -> str:
    return f"hello {name}"


async def guard(request: Request) -> None:
    if request.headers.get("x-guard") == "closed":
        raise NotFound("Closed.")


class OpenAuthenticator:
    """Lets everybody in."""

    async def admit(self, _: str | None) -> Identity:
        return anonymous({"ingest"})


def make_app() -> Application:
    app = Application(dependencies=[Depends(guard)])
    app.state.services = SimpleNamespace(authenticator=OpenAuthenticator(), settings=Settings())

    @app.post("/plain")
    async def plain(
        request: Request, said: Annotated[str, Depends(greeting)], name: Annotated[str, Depends(caller)]
    ) -> Response:
        return Response(f"{said} {name} {(await request.body()).decode()} {request.scope['route'].path}")

    @app.post("/failing")
    async def failing(request: Request) -> Response:
        raise LookupError(request.url.path)

    @app.post("/asking")
    async def asking(request: Request, source: str = "live") -> Response:
        return Response(f"{source} {request.scope['route'].path}")

    @app.post("/yielding")
    async def yielding(name: Annotated[str, Depends(opened)]) -> Response:
        return Response(name)

    problems.install(app)
    return app


async def opened() -> AsyncIterator[str]:
    yield "opened"


class Counting(Instruments):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, int]] = []

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        super().observe(method, route, status, seconds)
        self.seen.append((method, route, status))


@pytest.fixture
def instruments() -> Counting:
    return Counting()


@pytest.fixture
def app(instruments: Counting) -> Application:
    app = make_app()
    paths = ("/plain", "/failing", "/asking", "/yielding")
    app.answer_directly(*paths, policy="default-src 'none'", instruments=instruments)
    return app


async def send(app: Application, method: str, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, headers=headers, content=b"body")


def test_only_routes_that_ask_for_nothing_else_are_made_direct(app: Application) -> None:
    assert list(app.direct_routes) == ["/plain", "/failing"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "text"),
    [
        ("POST", "/plain", {"x-key": "right"}, 200, "hello caller caller body /plain"),
        ("POST", "/plain", {}, 404, "No such key."),
        ("POST", "/plain", {"x-key": "right", "x-guard": "closed"}, 404, "Closed."),
        ("GET", "/plain", {"x-key": "right"}, 405, "does not answer GET"),
        ("POST", "/plain/", {"x-key": "right"}, 307, ""),
        (
            "POST",
            "/plain",
            {"x-key": "right", "origin": "http://test"},
            200,
            "hello caller caller body /plain",
        ),
        ("POST", "/failing", {}, 500, "its log says why"),
        ("POST", "/asking?source=import", {}, 200, "import /asking"),
        ("POST", "/yielding", {}, 200, "opened"),
    ],
)
async def test_a_direct_route_answers_as_the_one_behind_it(
    app: Application, method: str, path: str, headers: dict[str, str], status: int, text: str
) -> None:
    for one in (app, make_app()):
        answer = await send(one, method, path, **headers)
        assert (answer.status_code, text in answer.text) == (status, True)


@pytest.mark.parametrize("host", ["evil.example", "test", "evil.example/a", "[bad"])
async def test_a_redirection_names_no_host(app: Application, host: str) -> None:
    answer = await send(app, "POST", "/plain/?a=1", host=host)
    assert (answer.status_code, answer.headers["location"]) == (307, "/plain?a=1")


@pytest.mark.parametrize("path", ["/plain", "/asking"])
async def test_who_leaves_before_the_body_came_is_no_error(app: Application, path: str) -> None:
    sent = []

    async def leave() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def note(message: dict[str, object]) -> None:
        sent.append(message.get("status"))

    @app.post("/reading")
    async def reading(request: Request) -> Response:
        return Response(await request.body())

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "query_string": b"",
        "path": path if path == "/plain" else "/reading",
        "raw_path": b"/",
        "root_path": "",
        "client": None,
        "headers": [(b"host", b"test"), (b"x-key", b"right")],
    }
    await app(scope, leave, note)  # type: ignore[arg-type]  # a caller that says nothing
    assert sent in ([], [499, None])


async def test_an_unexpected_error_is_answered_and_then_raised(app: Application) -> None:
    with pytest.raises(LookupError):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            await client.post("/failing")


async def test_a_direct_answer_has_the_headers_of_the_others_and_is_counted(
    app: Application, instruments: Counting
) -> None:
    for status, headers in ((200, {"x-key": "right"}), (404, {})):
        answer = await send(app, "POST", "/plain", **headers)
        assert answer.status_code == status
        assert answer.headers["content-security-policy"] == "default-src 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in answer.headers
    assert instruments.seen == [("POST", "/plain", 200), ("POST", "/plain", 404)]


def test_the_busiest_route_of_the_application_is_direct() -> None:
    from app.main import create_app

    app = create_app(Settings(database_url="postgresql:///none", redis_url="redis://none"))
    assert list(app.direct_routes) == ["/monitor/inference"]
