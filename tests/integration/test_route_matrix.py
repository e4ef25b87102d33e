"""Every route with every kind of key and every foreign id: who is let in, and what stays hidden.

A new route needs a line in `app/api/access.py`. If it takes a body or a parameter that this file
does not know, it needs a line here too.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import text

from app.access.administration import KeyRequest, Line, issue_key, make_project, withdraw_key
from app.access.tokens import mint_token
from app.api.access import ACCESS, check_access, is_open, places
from app.api.routes import ROUTERS
from app.config import Settings
from app.main import create_app
from app.schemas.ids import mint
from app.schemas.keys import SCOPES
from app.schemas.projects import ProjectSettings
from app.storage.engine import writing
from app.storage.ledger.dead_letters import DeadLetter, bury
from tests.integration.alert_rig import NO_ALERTS, SEALING_KEY, give_alerts
from tests.integration.api_rig import PROBLEM, ApiRig, own_servers, running_api
from tests.integration.dataset_rig import NO_DATASET, give_dataset
from tests.integration.route_bodies import BODIES, BUDGET, CALL

# Admin keys of `default` reach every project; those of another project do not make any.
OPERATORS_ALONE = {"POST /projects"}
REST = {f"{method} /api/public/{{rest:path}}" for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}
FINE = {200, 201, 202, 204, 207}
ALSO_FINE: Mapping[str, set[int]] = {
    "GET /health/ready": {503},  # no worker was heard of
    "POST /sessions": {401, 429},  # by password, with which a key has nothing to do
    "PATCH /policy": {503},
    "PUT /policy": {503},  # nor has one told which evaluators there are
    "GET /policy": {503},
    "DELETE /prices": {422},  # it needs the parameter model
    "POST /pipeline/dead/{trace_id}/replay": {409},  # its bytes are none that a worker could read
    "DELETE /jobs/{job_id}": {409},  # it has ended
    "GET /policy/proposal": {503},
    "POST /alerts/{rule_id}/acknowledge": {409},  # nothing fires
    "GET /experiments/compare": {422},  # it needs two runs
    "POST /experiments/{experiment_id}/approve": {409},  # its output has no scores
    **{place: {501} for place in REST},  # prompts of Langfuse
}
# Records that may still be on their way can be erased too, so a foreign id looks like one that does
# not exist.
NEVER_MISSING = {"DELETE /users/{user_id:path}", "DELETE /traces/{trace_id}", *REST}
REFUSED = ("none", "empty", "wrong", "garbled", "expired", "revoked")
GRANTS = {"feedback": {"feedback"}, "ingest": {"feedback", "ingest"}, "read": {"read"}, "admin": set(SCOPES)}


class World(NamedTuple):
    """A running application, a token of every kind, and ids of `shop`, of `bank` and of nobody."""

    api: ApiRig
    tokens: Mapping[str, str | None]
    ids: Mapping[str, Mapping[str, str]]


async def _token(api: ApiRig, project_id: str, *scopes: Any, end: str = "") -> str:
    now = datetime.now(UTC)
    made = now - timedelta(days=2) if end == "expired" else now
    expires = made + timedelta(days=1) if end == "expired" else None
    async with writing(api.services.engine) as connection:
        line = Line(project_id, "test", made)
        request = KeyRequest(name=end or "a key", scopes=scopes, expires_at=expires)
        key, token = await issue_key(connection, line, request)
        if end == "revoked":
            await withdraw_key(connection, line, key.prefix)
    return token


async def _furnish(api: ApiRig, project_id: str, token: str) -> Mapping[str, str]:
    """Give a project one of everything that has an id; returns the ids."""
    headers = {"Authorization": f"Bearer {token}", "prefer": "respond-async"}
    stored = await api.client.post("/monitor/inference", json=CALL, headers=headers)
    trace_id = stored.json()["trace_id"]
    job = (await api.client.post("/evaluate", json=[CALL], headers=headers)).json()["job_id"]
    budget = (await api.client.post("/budgets", json=BUDGET, headers=headers)).json()
    view = (await api.client.post("/views", json={"name": "a view"}, headers=headers)).json()
    board_id = f"board-of-{project_id}"
    board = BODIES["PUT /boards/{board_id}"]
    await api.client.put(f"/boards/{board_id}", json=board, headers={"Authorization": f"Bearer {token}"})
    await api.worker.drain()
    said = {"finding": "coherence", "verdict": "true_alarm"}
    label = await api.client.post(f"/traces/{trace_id}/labels", json=said, headers=headers)
    async with writing(api.services.engine) as connection:
        letter = DeadLetter(
            project_id=project_id,
            trace_id=mint(0),
            job_id="j",
            reason="test",
            detail="test",
            attempts=1,
            payload=b"x",
        )
        await bury(connection, project_id, [letter])
    prefix = (await _token(api, project_id, "read"))[:15]
    return {
        "trace_id": trace_id,
        "dead_id": str(letter.trace_id),
        "job_id": job,
        "project_id": project_id,
        "prefix": prefix,
        "budget_id": budget["budget_id"],
        "view_id": view["view_id"],
        "board_id": board_id,
        "label_id": label.json()["label_id"],
        **await give_alerts(api.services.engine, project_id),
        **await give_dataset(api.services.engine, project_id),
        "user_id": f"somebody-of-{project_id}",
        "rest": f"v2/prompts/greeting-of-{project_id}",
    }


@pytest.fixture(scope="module")
async def world(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[World]:
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls, require_keys="always", privacy_key=SEALING_KEY) as api,
    ):
        for project_id in ("shop", "bank"):
            async with writing(api.services.engine) as connection:
                line = Line(project_id, "test", datetime.now(UTC))
                await make_project(connection, line, project_id, ProjectSettings())
        tokens: dict[str, str | None] = {
            "none": None,
            "empty": "",
            "wrong": mint_token().text,
            "garbled": "sk-not-one-of-ours",
            "expired": await _token(api, "shop", *SCOPES, end="expired"),
            "revoked": await _token(api, "shop", *SCOPES, end="revoked"),
            "operator": await _token(api, "default", "admin"),
        }
        for project_id, scope in itertools.product(("shop", "bank"), SCOPES):
            tokens[f"{project_id} {scope}"] = await _token(api, project_id, scope)
        ids = {name: await _furnish(api, name, str(tokens[f"{name} admin"])) for name in ("shop", "bank")}
        ids["nobody"] = {
            "trace_id": str(mint(int(datetime.now(UTC).timestamp() * 1000))),
            "dead_id": str(mint(0)),
            "job_id": "5e9d8cbe-7e5e-4d5c-9be9-111111111111",
            "project_id": "nobody",
            "prefix": "lm_000000000000",
            "budget_id": "5e9d8cbe-7e5e-4d5c-9be9-222222222222",
            "view_id": "5e9d8cbe-7e5e-4d5c-9be9-333333333333",
            "board_id": "board-of-nobody",
            "label_id": "5e9d8cbe-7e5e-4d5c-9be9-333333333333",
            **NO_ALERTS,
            **NO_DATASET,
            "dataset_name": (await give_dataset(api.services.engine, "default"))["dataset_name"],
            "user_id": "nobody",
            "rest": "v2/prompts/greeting-of-nobody",
        }
        yield World(api, tokens, ids)


class Asked(NamedTuple):
    """A request of the matrix, and the ids it names."""

    path: str
    body: Any
    ids: Mapping[str, str]


_serial = itertools.count()


def ask(place: str, ids: Mapping[str, str], *, foreign: str | None = None) -> Asked:
    """The request to a place, with the ids that a project gives to its parameters."""
    path = place.partition(" ")[2].replace(":path}", "}")
    named = dict(ids)
    if path.startswith("/pipeline/dead/"):
        named["trace_id"] = ids["dead_id"]
    if foreign is not None:
        named["project_id"] = foreign
    unknown = set(re.findall(r"{(\w+)}", path)) - named.keys()
    assert not unknown, f"say in _furnish what {unknown} of {place} may be"
    named["new_project"] = f"made-{next(_serial)}"
    return Asked(path.format(**named), _filled(BODIES.get(place), named), named)


def _filled(body: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(body, dict):
        return {name: _filled(value, ids) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, ids) for value in body]
    return body.format(**ids) if isinstance(body, str) else body


class Answer(NamedTuple):
    """What came back, comparable between two ids."""

    status: int
    headers: Mapping[str, str]
    text: str


async def send(world: World, kind: str, place: str, asked: Asked) -> Answer:
    """Send a request with a kind of key; an accepted WebSocket handshake has the status 101."""
    token = world.tokens[kind]
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    method = place.partition(" ")[0]
    if method == "WS":
        return await shake_hands(world.api.app, asked.path, headers)
    response = await world.api.client.request(
        method, asked.path, json=asked.body, headers={**headers, "prefer": "respond-async", "if-match": "*"}
    )
    return Answer(response.status_code, response.headers, response.text)


async def shake_hands(app: FastAPI, path: str, headers: Mapping[str, str]) -> Answer:
    """Ask for a WebSocket and leave as soon as there is an answer."""
    sent: list[Any] = []
    received = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])

    async def receive() -> Any:
        return next(received)

    async def collect(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "ws",
        "server": ("api", 80),
        "client": ("127.0.0.1", 1),
        "subprotocols": [],
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "api", **headers}.items()],
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, collect)
    if sent[0]["type"] == "websocket.accept":
        return Answer(101, {}, "")
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], told, sent[1]["body"].decode())


def check(place: str, kind: str, answer: Answer) -> None:
    """Whether a key with ids of its own project was answered as its scopes say."""
    need = ACCESS[place]
    scopes: Any = GRANTS.get(kind.rpartition(" ")[2], set(SCOPES) if kind == "operator" else set())
    spoken = "application/json" if "/v1/" in place else PROBLEM  # OTLP has errors of its own
    story = f"{place} with {kind}: {answer.status} {answer.text[:300]}"
    if need == "open":
        assert answer.status in FINE | ALSO_FINE.get(place, set()), story
    elif kind in REFUSED:
        assert answer.status == 401, story
        assert answer.headers["www-authenticate"].startswith("Bearer"), story
        assert answer.headers["content-type"] == spoken, story
    elif need != "known" and need not in scopes:
        assert answer.status == 403, story
        assert answer.headers["content-type"] == spoken, story
        assert f"the scope {need}" in answer.text, story
    elif place in OPERATORS_ALONE and kind != "operator":
        assert answer.status == 403, story
    else:
        assert answer.status in FINE | ALSO_FINE.get(place, set()) | {101}, story


def check_hidden(place: str, kind: str, foreign: tuple[Answer, Asked], absent: tuple[Answer, Asked]) -> None:
    """Whether what belongs to another project looks exactly like what does not exist."""
    (theirs, asked), (nothing, other) = foreign, absent
    text = theirs.text
    for name, value in sorted(asked.ids.items(), key=lambda item: -len(item[1])):
        text = text.replace(value, other.ids[name])
    story = (
        f"{place} with {kind}: {theirs.status} {theirs.text[:300]} / {nothing.status} {nothing.text[:300]}"
    )
    told = [{name: value for name, value in answer.headers.items() if name != "content-length"}
            for answer in (theirs, nothing)]  # fmt: skip
    assert theirs.status == nothing.status, story
    if theirs.status >= 400:
        assert (text, told[0]) == (nothing.text, told[1]), story
    if "{" in place and place not in NEVER_MISSING:
        assert theirs.status in {401, 403, 404}, story


@pytest.mark.long
async def test_every_route_with_every_kind_of_key_and_every_foreign_id(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = 0
    for place, kind in itertools.product(ACCESS, world.tokens):
        home = kind.partition(" ")[0] if kind.startswith(("shop", "bank")) else "shop"
        ids = {**world.ids[home]}
        if place.startswith("DELETE") and "admin" in kind:  # a key that nobody else still needs
            ids["prefix"] = (await _token(world.api, home, "read"))[:15]
            ids |= await give_alerts(world.api.services.engine, home)
            ids |= await give_dataset(world.api.services.engine, home)
        if kind == "operator" and "{project_id}" not in place:
            ids = {**world.ids["nobody"]}  # its own data are those of `default`, which holds none
            if "{" in place:
                continue
        check(place, kind, await send(world, kind, place, ask(place, ids)))
        tried += 1
        if "{" not in place + str(BODIES.get(place, "")) or kind == "operator":
            continue
        other = "bank" if home == "shop" else "shop"
        # A foreign project under its own name, and foreign ids under the name of one's own project.
        for project_id, absent_project in ((other, "nobody"), (home, home)):
            theirs = ask(place, world.ids[other], foreign=project_id)
            nothing = ask(place, world.ids["nobody"], foreign=absent_project)
            if theirs.path == ask(place, ids).path and "{trace_id}" not in str(BODIES.get(place)):
                continue  # the project is the only id, and it is one's own
            answers = [(await send(world, kind, place, asked), asked) for asked in (theirs, nothing)]
            check_hidden(place, kind, answers[0], answers[1])
            tried += len(answers)
    with capsys.disabled():
        sys.stdout.write(
            f"\nroute x key matrix: {tried} requests, {len(ACCESS)} routes, {len(world.tokens)} keys\n"
        )
    assert tried > len(ACCESS) * len(world.tokens)


@pytest.mark.long
async def test_nothing_was_written_across_projects(world: World) -> None:
    """After the matrix: every row stands in the project of the key that sent it."""
    async with world.api.services.engine.connect() as connection:
        found = await connection.execute(text("SELECT project_id, trace_id FROM feedback"))
        opinions = {(row.project_id, str(row.trace_id)) for row in found}
        acts = await connection.execute(
            text("SELECT project_id, actor FROM audit_log WHERE actor LIKE 'key %'")
        )
        keys = await connection.execute(text("SELECT prefix, project_id FROM api_keys"))
        homes = {row.prefix: row.project_id for row in keys}
        for row in acts:
            home = homes[row.actor.split()[1]]
            assert home in {row.project_id, "default"}
    assert {project_id for project_id, _ in opinions} <= {"shop", "bank", "default"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(Settings(database_url="postgresql://nowhere/x", redis_url="redis://nowhere"))


def test_every_route_of_the_application_has_its_line(app: FastAPI) -> None:
    included = {id(router) for router in ROUTERS}
    found = places(route for router in ROUTERS for route in router.routes)
    for route in app.routes:
        original = getattr(route, "original_router", None)
        path = getattr(route, "path", "")
        assert id(original) in included or is_open(path) or path == "/docs/assets"
    assert found | {"GET /docs"} == ACCESS.keys()


def test_a_route_without_a_line_keeps_the_application_from_being_made() -> None:
    forgotten = APIRouter()
    forgotten.get("/forgotten")(lambda: "secret")
    with pytest.raises(LookupError, match=r"Without a row: \['GET /forgotten'\]"):
        check_access([*ROUTERS, forgotten])
    with pytest.raises(LookupError, match="without a route"):
        check_access(ROUTERS[1:])


@pytest.mark.parametrize(
    "path", ["/nowhere", "/traces/", "/openapi.json/", "/docs/assets", "//health", "/Health"]
)
async def test_an_address_that_is_none_says_nothing_without_a_key(world: World, path: str) -> None:
    response = await world.api.client.get(path)
    assert response.status_code == 401
    token = world.tokens["shop read"]
    response = await world.api.client.get(path, headers={"x-api-key": str(token)})
    assert response.status_code in {307, 404}


async def test_a_refused_body_is_not_read(world: World) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    response = await world.api.client.post("/feedback", content=body())
    assert response.status_code == 401
