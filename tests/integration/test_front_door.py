"""What people without a key, or with a small one, cannot do to everybody else."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any, Self

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.access.administration import make_project, set_password, withdraw_key
from app.access.visitors import Visitors
from app.schemas.projects import ProjectSettings
from app.serving.connections import BoundedConnection
from app.storage.engine import Engine, writing
from tests.integration.api_rig import ApiRig
from tests.integration.test_keys import CALL, bearer, issue, line

PASSWORD = "correct horse battery"  # noqa: S105 of this test alone


def caller(api: ApiRig, address: str) -> httpx.AsyncClient:
    """A client from another address."""
    transport = httpx.ASGITransport(api.app, client=(address, 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def set_shop_password(api: ApiRig, engine: Engine) -> None:
    async with writing(engine) as connection:
        await make_project(connection, line("shop"), "shop", ProjectSettings())
        await set_password(connection, line("shop"), PASSWORD)
    await api.services.authenticator.keyring.refresh()


async def try_password(
    client: httpx.AsyncClient, project_id: str, password: str, **headers: str
) -> httpx.Response:
    body = {"project_id": project_id, "password": password}
    return await client.post("/sessions", json=body, headers=headers)


async def test_who_guesses_locks_nobody_else_out(api: ApiRig, engine: Engine) -> None:
    await set_shop_password(api, engine)
    async with caller(api, "192.0.2.1") as guesser, caller(api, "192.0.2.2") as admin:
        guesses = [
            asyncio.create_task(try_password(guesser, name, f"guess {number}"))
            for number, name in enumerate(["shop", "nobody", "default", "else"] * 5)
        ]
        await asyncio.sleep(0)
        found = await try_password(admin, "shop", PASSWORD)
        refused = [await guess for guess in guesses]
        assert found.status_code == 201
        statuses = [answer.status_code for answer in refused]
        assert (statuses.count(401), statuses.count(429)) == (10, 10)
        assert all(
            int(answer.headers["retry-after"]) <= 60 for answer in refused if answer.status_code == 429
        )
        assert {answer.json()["detail"] for answer in refused if answer.status_code == 401} == {
            "Project and password do not belong together."
        }
        # The right password of the same address is a try like any other.
        assert (await try_password(guesser, "shop", PASSWORD)).status_code == 429
        assert (await try_password(admin, "shop", PASSWORD)).status_code == 201


async def test_right_passwords_do_not_count_and_give_no_tries_at_others(api: ApiRig, engine: Engine) -> None:
    await set_shop_password(api, engine)
    async with caller(api, "192.0.2.3") as people:
        for number in range(9):
            assert (await try_password(people, "default", f"guess {number}")).status_code == 401
            assert (await try_password(people, "shop", PASSWORD)).status_code == 201
        assert (await try_password(people, "default", "the tenth guess")).status_code == 401
        assert (await try_password(people, "shop", PASSWORD)).status_code == 429


async def test_visitors_of_the_dashboard_count_for_themselves(api: ApiRig, engine: Engine) -> None:
    await set_shop_password(api, engine)
    visitors = Visitors(api.worker.redis)
    for _ in range(10):
        await api.services.rates.take("sign-in:192.0.2.1", 2, 10)
    guessing = await visitors.introduce("192.0.2.1")
    assert (await try_password(api.client, "shop", PASSWORD, **guessing)).status_code == 429
    other = await visitors.introduce("192.0.2.2")
    assert (await try_password(api.client, "shop", PASSWORD, **other)).status_code == 201
    # A ticket stands for its network once, and nobody makes one up.
    assert await visitors.recognize(other["x-llm-monitor-visitor"], "192.0.2.9") == "192.0.2.9"
    for made_up in (None, "", "a" * 22, "a" * 5000, "*"):
        assert await visitors.recognize(made_up, "192.0.2.9") == "192.0.2.9"


async def test_a_session_has_the_rate_of_its_key(api: ApiRig, engine: Engine) -> None:
    key = await issue(engine, "ingest", requests_per_minute=4)
    session = (await api.client.post("/sessions", json={"key": key})).json()["session"]
    sent = [
        await api.post("/monitor/inference", CALL, prefer="respond-async", **bearer(token))
        for token in (session, key, session, session, key)
    ]
    assert [answer.status_code for answer in sent] == [202, 202, 202, 429, 429]
    assert (await api.client.post("/sessions", json={"key": key})).status_code == 429
    free = await issue(engine, "ingest", project_id="shop")
    session = (await api.client.post("/sessions", json={"key": free})).json()["session"]
    for _ in range(6):
        answer = await api.post("/monitor/inference", CALL, prefer="respond-async", **bearer(session))
        assert answer.status_code == 202


async def test_sessions_of_a_key_are_bounded_and_leave_redis_with_it(api: ApiRig, engine: Engine) -> None:
    key, other = await issue(engine, "read"), await issue(engine, "read", project_id="shop")
    kept = (await api.client.post("/sessions", json={"key": other})).json()["session"]
    begun = [(await api.client.post("/sessions", json={"key": key})).json()["session"] for _ in range(105)]

    async def held() -> int:
        return len([name async for name in api.worker.redis.scan_iter("llm-monitor:session*")])

    assert await held() == 100 + 1 + 1 + 1  # sessions and the two lists of them
    for token, status in ((begun[0], 401), (begun[4], 401), (begun[5], 200), (begun[-1], 200), (kept, 200)):
        who = await api.client.get("/sessions/current", headers=bearer(token))
        assert who.status_code == status
    assert (await api.client.delete("/sessions/current", headers=bearer(begun[-1]))).status_code == 200
    assert await held() == 102
    async with writing(engine) as connection:
        await withdraw_key(connection, line(), key[:15])
    async with asyncio.timeout(20):
        while await held() > 2:  # noqa: ASYNC110 the keyring reads every second and tells nobody
            await asyncio.sleep(0.1)
    assert (await api.client.get("/sessions/current", headers=bearer(kept))).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"host": "127.0.0.1:8000"}, 201),
        ({"host": "127.0.0.1:8000", "x-forwarded-for": "203.0.113.9"}, 401),
        ({"host": "127.0.0.1:8000", "x-real-ip": "127.0.0.1"}, 401),
        ({"host": "192.0.2.7:8000"}, 401),
        ({"host": "monitor.example"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "https://evil.example"}, 403),
    ],
)
async def test_nobody_behind_a_proxy_makes_the_first_key(
    api: ApiRig, headers: dict[str, str], status: int
) -> None:
    asked = {"name": "first", "scopes": ["admin"]}
    answer = await api.client.post("/projects/default/keys", json=asked, headers=headers)
    assert answer.status_code == status
    # And no way around by the busiest route, which has a gate of its own.
    sent = await api.post("/monitor/inference", CALL, prefer="respond-async", **headers)
    assert sent.status_code == (401 if status == 201 else status) or (status, sent.status_code) == (201, 202)


@pytest.mark.parametrize(
    "name", ["evil\n\x1b[31mRED", "a\x07", "a\x7f", "a\x9b31m", "a\u202eb", "a\n", "", "a" * 129]
)
async def test_names_drive_no_terminal(api: ApiRig, name: str) -> None:
    made = await api.client.post("/projects/default/keys", json={"name": name, "scopes": ["read"]})
    project = await api.client.post("/projects", json={"project_id": "shop", "name": name})
    assert (made.status_code, project.status_code) == (422, 422)


async def test_names_of_people_are_taken(api: ApiRig) -> None:
    for name in ("Käse & Co. <b>", "店", "a [link=x]y[/link]", "naïve 'q'"):
        made = await api.client.post("/projects", json={"project_id": f"p{len(name)}", "name": name})
        assert made.status_code == 201


class Listening:
    """The API on a port of its own, as it is started everywhere."""

    def __init__(self, api: ApiRig) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        config = uvicorn.Config(
            api.app, lifespan="off", log_level="error", http=BoundedConnection, timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)

    async def __aenter__(self) -> Self:
        self.serving = asyncio.create_task(self.server.serve(sockets=[self.listener]))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.should_exit = True
        await self.serving


@pytest.mark.parametrize(
    "path", ["/", "/ws", "/ws/metrics/", "/ws/metricsX", "/traces", "/health", "/%00", "/x/../ws"]
)
async def test_a_websocket_elsewhere_is_not_found(
    api: ApiRig, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Listening(api) as there:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"ws://127.0.0.1:{there.port}{path}"):
                pass
        assert caught.value.response.status_code in {403, 404}
    assert "Traceback" not in caplog.text


async def test_watchers_of_a_project_are_bounded(api: ApiRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.services.hub.watchers, "_most", 4)
    async with Listening(api) as there:
        url = f"ws://127.0.0.1:{there.port}/ws/metrics"
        async with connect(url) as first, connect(url):
            with pytest.raises(InvalidStatus) as caught:
                async with connect(url):
                    pass
            answer = caught.value.response
            assert (answer.status_code, "live connections" in json.loads(answer.body)["detail"]) == (
                429,
                True,
            )
            await first.close()
            async with asyncio.timeout(10):
                while True:
                    try:
                        async with connect(url) as again:
                            await again.recv()
                        break
                    except (InvalidStatus, ConnectionClosed):
                        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("head", "piece"),
    [(b"GET /health HTTP/1.1\r\n", b"a:\r\n" * 16_000), (b"GET /health HTTP/1.1\r\nx: ", b"a" * 64_000)],
)
async def test_endless_heads_end_soon_over_a_socket_too(api: ApiRig, head: bytes, piece: bytes) -> None:
    async with Listening(api) as there:
        _, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(head)
        sent, begun = 0, time.monotonic()
        try:
            while sent < 40_000_000:
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
        except OSError:
            pass
        assert sent < 8_000_000  # what the kernel had taken before the connection was closed
        assert time.monotonic() - begun < 10
        writer.close()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{there.port}") as client:
            assert (await client.get("/health")).status_code == 200
        answer = await ask_raw(
            there.port, b"GET /health HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 200 + b"\r\n"
        )
        assert b" 431 " in answer.partition(b"\r\n")[0]


async def ask_raw(port: int, request: bytes) -> Any:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer
