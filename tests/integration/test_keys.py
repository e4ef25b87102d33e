"""Keys from their making to their end, over HTTP, in memory and on the command line."""

from __future__ import annotations

import asyncio
import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import text

from app.access.administration import KeyRequest, Line, issue_key, make_project, withdraw_key
from app.access.keyring import Keyring
from app.config import load_settings
from app.errors import Unauthorized, Unavailable
from app.main import create_app
from app.schemas.projects import ProjectSettings
from app.storage.engine import Engine, create_engine, reading, writing
from app.supervision import Tasks
from tests.integration.api_rig import PROBLEM, ApiRig, serving
from tests.integration.test_commands import run_command

CALL = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
NO_POSTGRES = "postgresql://nobody@/none?host=/nonexistent"
EVERYTHING = ["feedback", "ingest", "read", "admin"]


def line(project_id: str = "default") -> Line:
    return Line(project_id, "test", datetime.now(UTC))


async def issue(engine: Engine, *scopes: Any, project_id: str = "default", **fields: Any) -> str:
    async with writing(engine) as connection:
        if project_id != "default":
            await make_project(connection, line(project_id), project_id, ProjectSettings())
        request = KeyRequest(name="a key", scopes=scopes, **fields)
        return (await issue_key(connection, line(project_id), request))[1]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def post_key(
    api: ApiRig, token: str | None, project_id: str = "default", **body: Any
) -> httpx.Response:
    asked = {"name": "a key", "scopes": EVERYTHING, **body}
    return await api.client.post(
        f"/projects/{project_id}/keys", json=asked, headers=bearer(token) if token else {}
    )


async def test_the_first_key_closes_the_door_and_every_way_of_sending_it_opens(api: ApiRig) -> None:
    assert (await api.client.get("/traces")).status_code == 200
    made = await post_key(api, None)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    token = made.json()["key"]
    await api.services.authenticator.keyring.refresh()  # what happens every second
    refused = await api.client.get("/traces")
    assert (refused.status_code, refused.headers["content-type"]) == (401, PROBLEM)
    assert refused.headers["www-authenticate"].startswith("Bearer")
    basic = base64.b64encode(f"pk-anything:{token}".encode()).decode()
    for headers in (bearer(token), {"X-API-Key": token}, {"Authorization": f"Basic {basic}"}):
        assert (await api.client.get("/traces", headers=headers)).status_code == 200
    assert (await api.client.get("/health")).status_code == 200


async def test_a_record_lands_in_the_project_of_its_key_and_nobody_else_sees_it(
    api: ApiRig, engine: Engine
) -> None:
    mine = await issue(engine, "ingest", "read", project_id="shop")
    other = await issue(engine, "ingest", "read", project_id="bank")
    answer = await api.post("/monitor/inference", CALL, prefer="respond-async", **bearer(mine))
    trace_id = answer.json()["trace_id"]
    await api.worker.drain()
    found = await api.client.get(f"/traces/{trace_id}", headers=bearer(mine))
    assert (found.status_code, found.json()["prompt"]) == (200, "hello")
    hidden = await api.client.get(f"/traces/{trace_id}", headers=bearer(other))
    assert hidden.status_code == 404
    ledger = (await api.client.get("/pipeline", headers=bearer(other))).json()["projects"]
    assert ledger == []
    (mine_ledger,) = (await api.client.get("/pipeline", headers=bearer(mine))).json()["projects"]
    assert (mine_ledger["project_id"], mine_ledger["stored"]) == ("shop", 1)
    assert 'project="shop"' in (await api.client.get("/metrics", headers=bearer(mine))).text
    assert 'project="shop"' not in (await api.client.get("/metrics", headers=bearer(other))).text


async def test_a_missing_scope_is_named(api: ApiRig, engine: Engine) -> None:
    token = await issue(engine, "ingest")
    refused = await api.client.get("/traces", headers=bearer(token))
    assert (refused.status_code, refused.headers["content-type"]) == (403, PROBLEM)
    assert "the scope read" in refused.json()["detail"]
    assert token not in refused.text


async def test_a_key_ends_everywhere_by_itself_and_by_hand(engine: Engine) -> None:
    now = datetime.now(UTC)
    token = await issue(engine, "read", expires_at=now + timedelta(hours=1))
    elsewhere = Keyring(engine, lambda: now)
    key = await elsewhere.find(token)
    later = Keyring(engine, lambda: now + timedelta(hours=1))
    with pytest.raises(Unauthorized, match="expired"):
        await later.find(token)
    async with writing(engine) as connection:
        await withdraw_key(connection, line(), key.prefix)
    running = asyncio.create_task(elsewhere.run(Tasks()))
    try:
        async with asyncio.timeout(2):
            while elsewhere.active(key.prefix):  # noqa: ASYNC110 the bound is what is tested
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
    with pytest.raises(Unauthorized, match="revoked"):
        await elsewhere.find(token)


async def test_a_new_key_counts_at_once_in_every_process(engine: Engine) -> None:
    elsewhere = Keyring(engine, lambda: datetime.now(UTC))
    assert await elsewhere.any_made() is False
    token = await issue(engine, "read")
    assert (await elsewhere.find(token)).scopes == ("read",)


async def test_guesses_ask_postgres_at_most_four_times_a_second(engine: Engine) -> None:
    token = await issue(engine, "read")
    keyring = Keyring(engine, lambda: datetime.now(UTC))
    readings = 0
    load = keyring._load  # noqa: SLF001 counted, not changed

    async def count() -> None:
        nonlocal readings
        readings += 1
        await load()

    keyring._load = count  # type: ignore[method-assign]  # noqa: SLF001 a look inside: loads are counted
    guesses = [f"lm_{number:012x}_{'A' * 43}" for number in range(200)]
    begun = asyncio.get_running_loop().time()
    results = await asyncio.gather(*(keyring.find(guess) for guess in guesses), return_exceptions=True)
    elapsed = asyncio.get_running_loop().time() - begun
    assert {type(result) for result in results} == {Unauthorized}
    assert readings <= 1 + elapsed / 0.25
    assert (await keyring.find(token)).name == "a key"


async def test_the_last_reading_holds_while_postgres_is_away(engine: Engine) -> None:
    token = await issue(engine, "read")
    keyring = Keyring(engine, lambda: datetime.now(UTC))
    await keyring.find(token)
    keyring._engine = create_engine(NO_POSTGRES, application="test")  # noqa: SLF001 its server is gone from now on the same process, another server
    with pytest.raises(Unavailable):
        await keyring.refresh()
    assert (await keyring.find(token)).name == "a key"
    unknown = f"lm_{'0' * 12}_{'A' * 43}"
    with pytest.raises(Unavailable):
        await keyring.find(unknown)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"scopes": []}, 422),
        ({"scopes": ["write"]}, 422),
        ({"name": ""}, 422),
        ({"name": "a\0b"}, 422),
        ({"requests_per_minute": 0}, 422),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422),
        ({"expires_at": "2036-01-01T00:00:00"}, 422),
        ({"other": 1}, 422),
        ({"expires_at": "2036-01-01T00:00:00Z", "requests_per_minute": 60}, 201),
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(api: ApiRig, body: dict[str, Any], status: int) -> None:
    answer = await post_key(api, None, **body)
    assert answer.status_code == status, answer.text
    keys = (await api.get("/projects/default/keys"))["keys"] if status != 201 else [answer.json()]
    assert len(keys) == (status == 201)


async def test_an_admin_administers_its_project_alone(api: ApiRig, engine: Engine) -> None:
    shop = await issue(engine, "admin", project_id="shop")
    await issue(engine, "admin", project_id="bank")
    operator = await issue(engine, "admin")
    listed = (await api.client.get("/projects", headers=bearer(shop))).json()["projects"]
    assert [project["project_id"] for project in listed] == ["shop"]
    everything = (await api.client.get("/projects", headers=bearer(operator))).json()["projects"]
    assert {project["project_id"] for project in everything} == {"default", "shop", "bank"}
    assert (await post_key(api, shop, "shop", scopes=["read"])).status_code == 201
    foreign, absent = await post_key(api, shop, "bank"), await post_key(api, shop, "nowhere")
    assert (foreign.status_code, absent.status_code) == (404, 404)
    assert foreign.text.replace("bank", "nowhere") == absent.text
    assert (await post_key(api, operator, "bank", scopes=["read"])).status_code == 201
    made = {"project_id": "garden", "name": "The garden"}
    assert (await api.client.post("/projects", json=made, headers=bearer(shop))).status_code == 403
    assert (await api.client.post("/projects", json=made, headers=bearer(operator))).status_code == 201
    assert (await api.client.post("/projects", json=made, headers=bearer(operator))).status_code == 409


async def test_settings_are_kept_and_every_act_is_in_the_audit_log(api: ApiRig, engine: Engine) -> None:
    shop = await issue(engine, "admin", project_id="shop")
    prefix = shop[:15]
    settings = {"retention_days": 7}
    headers = {**bearer(shop), "If-Match": "*"}
    put = await api.client.put("/projects/shop/settings", json=settings, headers=headers)
    assert put.status_code == 200, put.text
    kept = (await api.client.get("/projects/shop/settings", headers=bearer(shop))).json()
    assert kept["retention_days"] == 7
    policies: list[Any] = [{"policy": {"thresholds": {name: 0.4}}} for name in ("toxicity", "a\0")]
    for wrong in ({"retention_days": 0}, {"nothing": 1}, *policies):
        answer = await api.client.put("/projects/shop/settings", json=wrong, headers=headers)
        assert answer.status_code == 422, answer.text
    second = (await post_key(api, shop, "shop", scopes=["read"])).json()
    for _ in range(2):
        ended = await api.client.delete(f"/projects/shop/keys/{second['prefix']}", headers=bearer(shop))
        assert (ended.status_code, ended.json()["state"]) == (200, "revoked")
    page = (await api.client.get("/audit", params={"limit": 2}, headers=bearer(shop))).json()
    rest = (await api.client.get("/audit", params={"before": page["next"]}, headers=bearer(shop))).json()
    acts = [(act["act"], act["subject"]) for act in page["acts"] + rest["acts"]]
    assert acts == [
        ("key.revoked", second["prefix"]),
        ("key.created", second["prefix"]),
        ("project.settings_changed", "shop"),
        ("key.created", prefix),
        ("project.created", "shop"),
    ]
    assert page["acts"][0]["actor"] == f"key {prefix} (a key)"
    assert second["key"] not in str(page) + str(rest)


async def test_no_table_holds_a_key(api: ApiRig, engine: Engine) -> None:
    token = (await post_key(api, None)).json()["key"]
    async with reading(engine) as connection:
        row = await connection.execute(
            text("SELECT api_keys::text, audit_log::text FROM api_keys, audit_log")
        )
        dump = str(row.all())
    assert token[:15] in dump
    assert token[16:] not in dump


async def test_records_are_taken_by_a_known_key_while_postgres_is_away(
    database_url: str, redis_url: str, engine: Engine
) -> None:
    token = await issue(engine, "ingest")
    async with serving(database_url, redis_url, require_keys="always") as (client, app):
        assert (await client.post("/monitor/inference", json=CALL)).status_code == 401
        keyring = app.state.services.authenticator.keyring
        await keyring.find(token)
        keyring._engine = create_engine(NO_POSTGRES, application="test")  # noqa: SLF001 its server is gone from now on
        headers = {"prefer": "respond-async", **bearer(token)}
        assert (await client.post("/monitor/inference", json=CALL, headers=headers)).status_code == 202


def test_the_command_line_makes_lists_and_ends_keys(database_url: str) -> None:
    def command(*arguments: str) -> Any:
        return run_command(*arguments, DATABASE_URL=database_url, COLUMNS="200")

    assert command("projects", "create", "shop", "--name", "The shop").returncode == 0
    assert "The shop" in command("projects", "list").stdout
    made = command("keys", "create", "till", "--scope", "ingest", "--project", "shop", "--expires-days", "9")
    token = made.stdout.strip()
    assert re.fullmatch(r"lm_[0-9a-f]{12}_[\w-]{43}", token), made.stderr
    prefix = token[:15]
    assert token not in made.stderr
    listed = command("keys", "list", "--project", "shop").stdout
    assert prefix in listed
    assert "active" in listed
    assert token[16:] not in listed
    wrong = command("keys", "revoke", prefix)
    assert (wrong.returncode, wrong.stderr) == (2, f"llm-monitor: There is no key {prefix}.\n")
    assert command("keys", "revoke", prefix, "--project", "shop").returncode == 0
    assert "revoked" in command("keys", "list").stdout
    log = command("audit", "--project", "shop").stdout.splitlines()
    assert [entry.split("\t")[3] for entry in log] == ["key.revoked", "key.created", "project.created"]
    assert command("keys", "create", "x", "--scope", "write").returncode == 2
    assert command("keys", "create", "x", "--scope", "read", "--project", "no").returncode == 2


def compose_environment(service: str, **outside: str) -> dict[str, str]:
    """Return what docker-compose.yml gives a service if `outside` is set.

    The image's own variables are included.
    """
    document = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())
    given: dict[str, str] = document["services"][service]["environment"]

    def fill(found: re.Match[str]) -> str:
        return outside.get(found[1], found[2])

    filled = {name: re.sub(r"\$\{(\w+):-([^{}]*)\}", fill, value) for name, value in given.items()}
    image = {"LLM_MONITOR_HOST": "0.0.0.0", "LLM_MONITOR_FIRST_KEY": "/data/admin-key"}  # noqa: S104 as in the image
    return {**image, **filled}


@pytest.mark.parametrize("service", ["llm-monitor-api", "llm-monitor-full"])
async def test_a_container_may_let_everybody_in_until_a_key_is_made_inside_it(
    database_url: str, redis_url: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    environment = {**compose_environment(service, LLM_MONITOR_ALLOW_ANONYMOUS="1"), **addresses}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = create_app(load_settings())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        call = {"prefer": "respond-async"}
        assert (await client.get("/traces")).status_code == 200
        assert (await client.post("/monitor/inference", json=CALL, headers=call)).status_code == 202
        key = {"name": "mine", "scopes": ["admin"]}
        assert (await client.post("/projects/default/keys", json=key)).status_code == 403
        made = await asyncio.to_thread(run_command, "keys", "create", "me", "--scope", "admin", **environment)
        token = made.stdout.strip()
        assert made.returncode == 0, made.stderr
        await app.state.services.authenticator.keyring.refresh()  # what happens every second
        assert (await client.get("/traces")).status_code == 401
        assert (await client.post("/monitor/inference", json=CALL, headers=call)).status_code == 401
        assert (await client.get("/health")).status_code == 200
        assert (
            await client.post("/projects/default/keys", json=key, headers=bearer(token))
        ).status_code == 201


async def test_a_container_asks_for_keys_from_the_start(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in compose_environment("llm-monitor-api").items():
        monkeypatch.setenv(name, value)
    app = create_app(
        load_settings().model_copy(update={"database_url": database_url, "redis_url": redis_url})
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client,
    ):
        assert (await client.get("/traces")).status_code == 401
