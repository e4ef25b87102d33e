from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response

from app.api import direct, problems
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


def make_app() -> FastAPI:
    app = FastAPI(dependencies=[Depends(guard)])

    @app.post("/plain")
    async def plain(
        request: Request, said: Annotated[str, Depends(greeting)], name: Annotated[str, Depends(caller)]
    ) -> Response:
        return Response(f"{said} {name} {(await request.body()).decode()} {request.scope['route'].path}")

    @app.post("/asking")
    async def asking(request: Request, source: str = "live") -> Response:
        return Response(f"{source} {request.scope['route'].path}")

    @app.post("/yielding")
    async def yielding(name: Annotated[str, Depends(opened)]) -> Response:
        return Response(name)

    problems.install(app)
    return app


async def opened():
    yield "opened"


@pytest.fixture
def made() -> tuple[FastAPI, list[str]]:
    app = make_app()
    return app, direct.install(app, "/plain", "/asking", "/yielding")


async def send(app: FastAPI, method: str, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, headers=headers, content=b"body")


def test_only_routes_that_ask_for_nothing_else_are_made_direct(made: tuple[FastAPI, list[str]]) -> None:
    assert made[1] == ["/plain"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "text"),
    [
        ("POST", "/plain", {"x-key": "right"}, 200, "hello caller caller body /plain"),
        ("POST", "/plain", {}, 404, "No such key."),
        ("POST", "/plain", {"x-key": "right", "x-guard": "closed"}, 404, "Closed."),
        ("GET", "/plain", {"x-key": "right"}, 405, "does not answer GET"),
        ("POST", "/plain/", {"x-key": "right"}, 307, ""),
        ("POST", "/asking?source=import", {}, 200, "import /asking"),
        ("POST", "/yielding", {}, 200, "opened"),
    ],
)
async def test_a_direct_route_answers_as_the_one_behind_it(
    made: tuple[FastAPI, list[str]], method: str, path: str, headers: dict[str, str], status: int, text: str
) -> None:
    for app in (made[0], make_app()):
        answer = await send(app, method, path, **headers)
        assert (answer.status_code, text in answer.text) == (status, True)


def test_the_busiest_route_of_the_application_is_direct() -> None:
    from app.config import Settings
    from app.main import create_app

    app = create_app(Settings(database_url="postgresql:///none", redis_url="redis://none"))
    assert [route.path for route in app.router.routes if isinstance(route, direct.DirectRoute)] == [
        "/monitor/inference"
    ]
