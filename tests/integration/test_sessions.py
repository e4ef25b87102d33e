"""Signing in to the dashboard and out again, over the API behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.access.administration import make_project, set_password, withdraw_key
from app.access.keyring import Keyring
from app.access.sessions import Sessions
from app.config import Settings
from app.errors import Unauthorized
from app.schemas.projects import ProjectSettings
from app.storage.engine import Engine, writing
from dashboard.app import create_dashboard
from tests.clients.listening import listening
from tests.integration.api_rig import ApiRig
from tests.integration.test_commands import run_command
from tests.integration.test_keys import bearer, issue, line

PASSWORD = "correct horse battery"  # noqa: S105 of this test alone
HERE = {"origin": "http://dashboard"}


class Desk(NamedTuple):
    """A browser at the dashboard, and a key that opens it."""

    browser: httpx.AsyncClient
    key: str
    app: FastAPI


@pytest.fixture
async def desk(api: ApiRig, engine: Engine, database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    key = await issue(engine, "ingest", "read", project_id="shop")
    settings = Settings(database_url=database_url, redis_url=redis_url)
    dashboard = create_dashboard(settings, api=httpx.ASGITransport(api.app))
    async with (
        dashboard.router.lifespan_context(dashboard),
        httpx.AsyncClient(transport=httpx.ASGITransport(dashboard), base_url="http://dashboard") as browser,
    ):
        yield Desk(browser, key, dashboard)


async def sign_in(browser: httpx.AsyncClient, headers: Any = None, **fields: str) -> httpx.Response:
    page = await browser.get("/login")
    form = re.search(r'name="form" value="([^"]+)"', page.text)
    assert form
    sent = {"form": form[1], "by": "password" if "password" in fields else "key", "next": "/", **fields}
    return await browser.post("/login", data=sent, headers=HERE if headers is None else headers)


async def until(ask: Callable[[], Awaitable[httpx.Response]], status: int) -> None:
    """Ask until the answer has a status: another process's change is known within two seconds."""
    async with asyncio.timeout(20):
        while (await ask()).status_code != status:  # noqa: ASYNC110 another process tells nobody
            await asyncio.sleep(0.2)


async def ask_page(browser: httpx.AsyncClient, **headers: str) -> httpx.Response:
    """What the page asks its server for: the project in the header."""
    asked = {
        "output": "project.children",
        "outputs": {"id": "project", "property": "children"},
        "inputs": [{"id": "address-project", "property": "data", "value": "bank"}],
        "changedPropIds": ["address-project.data"],
    }
    return await browser.post("/_dash-update-component", json=asked, headers={**HERE, **headers})


async def test_without_a_session_nothing_is_shown(desk: Desk) -> None:
    page = await desk.browser.get("/", params={"period": "7d"})
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=/%3Fperiod%3D7d")
    for path in ("/_dash-layout", "/_dash-dependencies", "/anything"):
        assert (await desk.browser.get(path)).status_code == 303
    assert (await ask_page(desk.browser)).status_code == 401
    login = await desk.browser.get("/login")
    assert login.status_code == 200
    assert "default-src 'none'" in login.headers["content-security-policy"]
    assert (await desk.browser.get("/assets/login.css")).status_code == 200


async def test_a_key_signs_in_and_shows_its_project_alone(desk: Desk) -> None:
    answer = await sign_in(desk.browser, key=desk.key, next="/?period=7d")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?period=7d")
    cookie = answer.headers.get_list("set-cookie")[0]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert desk.key not in cookie
    assert (await desk.browser.get("/")).status_code == 200
    shown = await ask_page(desk.browser)
    assert shown.json()["response"]["project"]["children"] == "shop"

    token = desk.browser.cookies["llm-monitor-session"]
    out = await desk.browser.post("/logout", headers=HERE)
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert "llm-monitor-session" not in desk.browser.cookies
    desk.browser.cookies.set("llm-monitor-session", token)
    await until(lambda: desk.browser.get("/"), 303)


async def test_a_trace_of_another_project_is_none(desk: Desk, api: ApiRig, engine: Engine) -> None:
    call = {"prompt": "a secret of the bank", "response": "yes"}
    answers = {}
    keys = {"shop": desk.key, "bank": await issue(engine, "ingest", project_id="bank")}
    for project, key in keys.items():
        answers[project] = await api.post("/monitor/inference", call, prefer="respond-async", **bearer(key))
    await api.worker.drain()
    await sign_in(desk.browser, key=desk.key)
    shown = {}
    for project, answer in answers.items():
        search = f"?project={project}&trace={answer.json()['trace_id']}"
        asked = {
            "output": "..trace.children...trace.opened..",
            "outputs": [{"id": "trace", "property": name} for name in ("children", "opened")],
            "inputs": [{"id": "address-trace", "property": "data", "value": search}],
            "state": [{"id": "url", "property": "pathname", "value": "/"}],
            "changedPropIds": ["address-trace.data"],
        }
        found = await desk.browser.post("/_dash-update-component", json=asked, headers=HERE)
        shown[project] = found.text
    assert "a secret of the bank" in shown["shop"]
    assert "a secret of the bank" not in shown["bank"]
    assert "There is no such trace" in shown["bank"]


@pytest.mark.parametrize(("scheme", "headers"), [("https", {}), ("http", {"x-forwarded-proto": "https"})])
async def test_over_tls_the_cookie_never_leaves_it(desk: Desk, scheme: str, headers: dict[str, str]) -> None:
    browser = desk.browser
    browser.base_url = httpx.URL(f"{scheme}://dashboard")
    browser.headers.update(headers)
    page = await browser.get("/login")
    form = re.search(r'name="form" value="([^"]+)"', page.text)
    assert form
    cookie = page.headers["set-cookie"].split(";")[0]
    answer = await browser.post(
        "/login",
        data={"form": form[1], "by": "key", "key": desk.key},
        headers={"origin": f"{scheme}://dashboard", "cookie": cookie},
    )
    assert "Secure" in answer.headers.get_list("set-cookie")[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://dashboard"},
    ],
)
async def test_a_page_elsewhere_changes_nothing(desk: Desk, headers: dict[str, str]) -> None:
    assert (await sign_in(desk.browser, headers, key=desk.key)).status_code == 403
    assert (await sign_in(desk.browser, key=desk.key)).status_code == 303
    assert (await desk.browser.post("/logout", headers=headers)).status_code == 403
    assert (await ask_page(desk.browser, **headers)).status_code == 403
    assert (await desk.browser.get("/")).status_code == 200


async def test_a_form_that_this_browser_was_not_shown_is_refused(desk: Desk) -> None:
    sent = {"form": "guessed", "by": "key", "key": desk.key}
    assert (await desk.browser.post("/login", data=sent, headers=HERE)).status_code == 403
    assert (await sign_in(desk.browser, key=desk.key, form="guessed")).status_code == 403


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/traces?id=1", "/traces?id=1"),
        ("//evil.example", "/"),
        ("//evil", "/"),
        ("///evil", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil", "/"),
        ("https:", "/"),
        ("https:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("evil.example", "/"),
        ("@evil.example", "/"),
        ("http://[evil", "/"),
        ("https://evil.example/", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
async def test_signing_in_leads_to_a_page_of_the_dashboard(desk: Desk, target: str, location: str) -> None:
    answer = await sign_in(desk.browser, key=desk.key, next=target)
    assert answer.headers["location"] == location


async def test_what_does_not_count_is_said_on_the_page(desk: Desk, engine: Engine) -> None:
    wrong = await sign_in(desk.browser, key="<script>")
    assert (wrong.status_code, "not a key of LLM Monitor" in wrong.text) == (401, True)
    sender = await issue(engine, "ingest")
    blind = await sign_in(desk.browser, key=sender)
    assert (blind.status_code, "scope read" in blind.text) == (403, True)
    assert "llm-monitor-session" not in desk.browser.cookies


async def test_an_admin_signs_in_with_a_password_until_it_is_changed(
    desk: Desk, engine: Engine, database_url: str
) -> None:
    short = run_command("projects", "password", "shop", DATABASE_URL=database_url)
    assert short.returncode == 2
    async with writing(engine) as connection:
        await set_password(connection, line("shop"), PASSWORD)
    for project, password in (("shop", "not the password"), ("nobody", PASSWORD), ("default", PASSWORD)):
        refused = await sign_in(desk.browser, project=project, password=password)
        assert (refused.status_code, "is not that of the project" in refused.text) == (401, True)
    await until(lambda: sign_in(desk.browser, project="shop", password=PASSWORD), 303)
    shown = await ask_page(desk.browser)
    assert shown.json()["response"]["project"]["children"] == "shop"
    async with writing(engine) as connection:
        await set_password(connection, line("shop"), f"{PASSWORD}!")
    await until(lambda: desk.browser.get("/"), 303)


async def test_ten_wrong_passwords_a_minute_are_enough(api: ApiRig) -> None:
    body = {"project_id": "shop", "password": "x"}
    answers = await asyncio.gather(*(api.client.post("/sessions", json=body) for _ in range(14)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(429) >= 1
    assert statuses.count(401) >= 10


async def test_a_session_acts_at_the_api_and_ends_with_its_key(api: ApiRig, engine: Engine) -> None:
    key = await issue(engine, "admin", project_id="shop")
    session = (await api.client.post("/sessions", json={"key": key})).json()
    headers = bearer(session["session"])
    who = (await api.client.get("/sessions/current", headers=headers)).json()
    assert (who["project_id"], who["scopes"]) == ("shop", ["admin"])
    asked = {"name": "another", "scopes": ["read"]}
    made = await api.client.post("/projects/shop/keys", json=asked, headers=headers)
    assert made.json()["created_by"] == f"key {key[:15]} (a key)"
    async with writing(engine) as connection:
        await withdraw_key(connection, line("shop"), key[:15])
    await until(lambda: api.client.get("/sessions/current", headers=headers), 401)


async def test_a_session_ends_by_itself_and_holds_while_redis_is_away(api: ApiRig, engine: Engine) -> None:
    now = datetime.now(UTC)
    async with writing(engine) as connection:
        await make_project(connection, line("shop"), "shop", ProjectSettings())
        await set_password(connection, line("shop"), PASSWORD)
    keyring = Keyring(engine, lambda: now)
    sessions = Sessions(api.worker.redis, keyring, lambda: now)
    await keyring.refresh()
    api.services.authenticator.keyring._passwords = keyring._passwords  # noqa: SLF001 as a second later
    token, session = await api.services.authenticator.sign_in("shop", PASSWORD)
    assert timedelta(hours=11) < session.expires_at - now <= timedelta(hours=13)
    assert (await sessions.find(token)).may("admin")
    sessions._redis = Redis.from_url("unix:///nonexistent/redis.sock")  # noqa: SLF001 its server is gone from now on
    now += timedelta(hours=1)
    assert (await sessions.find(token)).project_id == "shop"
    now += timedelta(hours=12)
    with pytest.raises(Unauthorized, match="sign in again"):
        await sessions.find(token)


async def test_no_key_of_a_session_is_in_redis(api: ApiRig, engine: Engine) -> None:
    key = await issue(engine, "read")
    token = (await api.client.post("/sessions", json={"key": key})).json()["session"]
    kept = [name.decode() async for name in api.worker.redis.scan_iter("llm-monitor:session:*")]
    assert len(kept) == 1
    value = (await api.worker.redis.get(kept[0])).decode()
    assert token not in kept[0] + value
    assert key[16:] not in value


async def test_a_key_made_a_moment_ago_opens_the_dashboard_at_once(desk: Desk, engine: Engine) -> None:
    assert (await sign_in(desk.browser, key=desk.key)).status_code == 303  # the dashboard has read the keys
    fresh = await issue(engine, "read")
    assert (await sign_in(desk.browser, key=fresh)).status_code == 303
    assert (await desk.browser.get("/")).status_code == 200


async def test_several_tabs_can_show_the_form_and_each_of_them_works(desk: Desk) -> None:
    first = await desk.browser.get("/login")
    await desk.browser.get("/login")
    form = re.search(r'name="form" value="([^"]+)"', first.text)
    assert form
    for _ in range(2):  # also when the other tab has signed in
        sent = {"form": form[1], "by": "key", "key": desk.key}
        assert (await desk.browser.post("/login", data=sent, headers=HERE)).status_code == 303


async def test_who_is_sent_to_the_form_is_told_why_and_a_script_gets_no_form(desk: Desk) -> None:
    never = await desk.browser.get("/")
    assert "has ended" not in (await desk.browser.get(never.headers["location"])).text
    desk.browser.cookies.set("llm-monitor-session", f"ls_{'x' * 43}")
    ended = await desk.browser.get("/", params={"model": "a&b\u00e9"})
    assert ended.headers["location"] == "/login?next=/%3Fmodel%3Da%2526b%25C3%25A9&ended"
    form = await desk.browser.get(ended.headers["location"])
    assert "has ended" in form.text
    assert 'name="next" value="/?model=a%26b%C3%A9"' in form.text
    script = await desk.browser.get("/_dash-layout", headers={"sec-fetch-dest": "empty"})
    assert (script.status_code, "<form" in script.text) == (401, False)


async def test_a_websocket_is_closed_when_its_session_ends(desk: Desk) -> None:
    await sign_in(desk.browser, key=desk.key)
    token = desk.browser.cookies["llm-monitor-session"]
    async with listening(desk.app) as url:
        opened = connect(
            f"{url.replace('http', 'ws')}/_dash-ws-callback",
            additional_headers={"Origin": url, "Cookie": f"llm-monitor-session={token}"},
        )
        async with opened as socket, asyncio.timeout(20):
            await socket.send('{"type": "heartbeat"}')
            assert "heartbeat_ack" in str(await socket.recv())
            await desk.browser.post("/logout", headers=HERE)
            with pytest.raises(ConnectionClosed, match="4001"):
                await socket.recv()
