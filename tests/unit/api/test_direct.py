"""The short way answers as the long one does: every case is sent both ways."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response

from app.access.identity import Identity
from app.api import problems
from app.api.access import ACCESS, authorize
from app.api.access_middleware import AccessMiddleware
from app.api.bodies import read_body
from app.api.dependencies import Project, Services, Serving
from app.api.direct import Application, Endpoint
from app.api.instruments import Instruments, RequestTimer
from app.config import Settings
from app.errors import NotFound, Unauthorized
from app.schemas.keys import Scope
from app.serving.headers import SecurityHeaders, security_headers

PATH = "/monitor/inference"
POLICY = "default-src 'none'"


class KeyAuthenticator:
    """Knows two keys: one that may send, one that may only read."""

    async def admit(self, credential: str | None) -> Identity:
        scopes: dict[str | None, Scope] = {"sender": "ingest", "reader": "read"}
        if credential not in scopes:
            raise Unauthorized("No such key.")
        return Identity(
            f"project of {credential}", frozenset({scopes[credential]}), credential or "", session="-"
        )


class CountingInstruments(Instruments):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, int]] = []

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        super().observe(method, route, status, seconds)
        self.seen.append((method, route, status))


async def echo(request: Request, serving: Serving, project: Project) -> Response:
    body = await read_body(request, limit=serving.settings.max_body_bytes, formats=("json",))
    prefer = ",".join(request.headers.getlist("prefer"))
    return Response(f"{project} sent {body.content.decode()} {prefer}", 202, {"Location": "/there"})


async def refuse(_request: Request, _serving: Serving, project: Project) -> Response:
    raise NotFound(f"Nothing of {project} here.")


async def fail(request: Request, _serving: Serving, _project: Project) -> Response:
    raise LookupError(request.url.path)


def make_app(endpoint: Endpoint, *, direct: bool) -> tuple[Application, CountingInstruments]:
    """An application with one route and the middleware of the product, and what it counts."""
    app, instruments = Application(dependencies=[Depends(authorize)]), CountingInstruments()
    app.state.services = SimpleNamespace(authenticator=KeyAuthenticator(), settings=Settings())
    app.add_middleware(AccessMiddleware)
    app.add_middleware(SecurityHeaders, policy=POLICY)
    app.add_middleware(RequestTimer, instruments=instruments)
    app.post(PATH)(endpoint)
    if direct:
        app.answer_directly(PATH, endpoint, policy=POLICY, instruments=instruments)
    problems.install(app)
    return app, instruments


async def send(
    app: FastAPI,
    method: str,
    path: str,
    headers: list[tuple[str, str]] | Mapping[str, str],
    *,
    scheme: str = "http",
) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://localhost") as client:
        return await client.request(method, path, headers=headers, content=b"{}")


def json_from(key: str, **more: str) -> dict[str, str]:
    return {"x-api-key": key, "content-type": "application/json", **more}


@pytest.mark.parametrize(
    ("endpoint", "headers", "status", "text"),
    [
        (echo, json_from("sender"), 202, "project of sender sent {}"),
        (echo, json_from("sender", prefer="wait=1"), 202, "sent {} wait=1"),
        (echo, json_from("reader"), 403, "This needs the scope ingest"),
        (echo, json_from("nobody"), 401, "No such key."),
        (echo, {"x-api-key": "sender"}, 415, "application/json"),
        (refuse, json_from("sender"), 404, "Nothing of project of sender here."),
        (fail, json_from("sender"), 500, "its log says why"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_short_way_answers_and_counts_as_the_long_one(
    endpoint: Endpoint, headers: dict[str, str], status: int, text: str, scheme: str
) -> None:
    answers, counts = [], []
    for direct in (True, False):
        app, instruments = make_app(endpoint, direct=direct)
        answers.append(await send(app, "POST", PATH, headers, scheme=scheme))
        counts.append(instruments.seen)
    short, long = answers
    assert (short.status_code, text in short.text) == (status, True)
    assert (short.status_code, short.content) == (long.status_code, long.content)
    # FastAPI answers what nobody expected outside all middleware.
    more = (
        {}
        if status != 500
        else {name.decode(): value.decode() for name, value in security_headers(POLICY, scheme)}
    )
    assert dict(short.headers) == {**more, **dict(long.headers)}
    assert short.headers["content-security-policy"] == POLICY
    assert ("strict-transport-security" in short.headers) == (scheme == "https")
    assert counts[0] == counts[1] == [("POST", "(none)" if status == 401 else PATH, status)]


@pytest.mark.parametrize(
    ("method", "path", "headers", "direct"),
    [
        ("POST", PATH, json_from("sender"), True),
        ("GET", PATH, json_from("sender"), False),
        ("POST", f"{PATH}s", json_from("sender"), False),
        ("POST", f"{PATH}/", json_from("sender"), False),
        ("POST", PATH, json_from("sender", origin="http://localhost"), False),
        ("POST", PATH, [*json_from("sender").items(), ("prefer", "wait=1"), ("prefer", "wait=2")], False),
    ],
)
async def test_only_what_it_is_meant_for_takes_the_short_way(
    method: str, path: str, headers: Any, *, direct: bool
) -> None:
    taken = []

    async def note(request: Request, _: Services, __: str) -> Response:
        taken.append(request.url.path)
        return Response()

    app, instruments = make_app(echo, direct=False)
    app.answer_directly(PATH, note, policy=POLICY, instruments=instruments)
    await send(app, method, path, headers)
    assert bool(taken) == direct


@pytest.mark.parametrize("host", ["evil.example", "test", "evil.example/a", "[bad"])
async def test_a_redirection_names_no_host(host: str) -> None:
    app, _ = make_app(echo, direct=True)
    answer = await send(app, "POST", f"{PATH}/?a=1", json_from("sender", host=host))
    assert (answer.status_code, answer.headers["location"]) == (307, f"{PATH}?a=1")


@pytest.mark.parametrize("direct", [True, False])
async def test_who_leaves_before_the_body_came_is_no_error(*, direct: bool) -> None:
    sent = []

    async def leave() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def note(message: dict[str, object]) -> None:
        sent.append(message.get("status"))

    app, instruments = make_app(echo, direct=direct)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "query_string": b"",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "client": None,
        "headers": [(name.encode(), value.encode()) for name, value in json_from("sender").items()],
    }
    await app(scope, leave, note)  # type: ignore[arg-type]  # plain functions stand in for a server's
    assert sent == ([] if direct else [499, None])
    assert instruments.seen == [("POST", PATH, 499)]


async def test_an_unexpected_error_is_answered_and_then_raised() -> None:
    app, _ = make_app(fail, direct=True)
    with pytest.raises(LookupError):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client:
            await client.post(PATH, headers=json_from("sender"), content=b"{}")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (f"/budgets/{UUID(int=7)}/check", 200, f"directly {UUID(int=7)}"),
        (f"/budgets/{UUID(int=7).hex}/check", 200, f"directly {UUID(int=7)}"),
        (f"/budgets/{UUID(int=7)}/check?dry=1", 200, f"by the framework {UUID(int=7)}"),
        (f"/budgets/{UUID(int=7)}/check/", 307, ""),
        ("/budgets/mine/check", 422, "budget_id"),
        ("/budgets//check", 404, ""),
        (f"/budgets/{UUID(int=7)}", 404, ""),
        (f"/other/{UUID(int=7)}/check", 404, ""),
    ],
)
async def test_a_path_may_hold_an_id(
    path: str, status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "/budgets/{budget_id}/check"
    monkeypatch.setitem(ACCESS, f"POST {template}", "ingest")
    app, instruments = make_app(echo, direct=False)

    async def directly(request: Request, _serving: Serving, _project: Project) -> Response:
        return Response(f"directly {request.path_params['budget_id']}")

    @app.post(template)
    async def check(budget_id: UUID) -> Response:
        return Response(f"by the framework {budget_id}")

    app.answer_directly(template, directly, policy=POLICY, instruments=instruments)
    answer = await send(app, "POST", path, json_from("sender"))
    assert (answer.status_code, said in answer.text) == (status, True)
    assert instruments.seen[-1][1] in {template, "(none)"}


def test_the_busiest_route_is_direct_and_asks_for_nothing_that_the_short_way_does_not_give() -> None:
    from app.api.routes.inference import post_inference
    from app.main import create_app

    app = create_app(Settings(database_url="postgresql:///none", redis_url="redis://none"))
    assert list(app.direct_routes) == [PATH]
    assert [*inspect.signature(post_inference).parameters] == ["request", "serving", "project"]
    # The first is `require`; the other leaves what clients send records with alone.
    guards = [one.dependency.__name__ for one in app.router.dependencies]
    assert guards == ["authorize", "refuse_unknown_parameters"]
