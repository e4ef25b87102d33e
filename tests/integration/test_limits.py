"""What a key and a browser may do: rates, origins, headers, WebSockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.access.administration import withdraw_key
from app.access.rates import Rates
from app.errors import Overloaded
from app.storage.engine import Engine, writing
from tests.integration.api_rig import PROBLEM, ApiRig, serving
from tests.integration.test_api_live import address, receive
from tests.integration.test_keys import bearer, issue, line

CALL = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
__all__ = ["address"]  # the fixture of another module
PAGE = "https://app.example"


@pytest.mark.parametrize(("per_minute", "seconds"), [(1, 60), (60, 1), (3, 20), (600, 1)])
async def test_a_minutes_worth_comes_in_and_the_next_is_told_when(
    redis_url: str, per_minute: int, seconds: int
) -> None:
    async with Redis.from_url(redis_url) as redis:
        rates = Rates(redis)
        taken = 0

        async def take_many() -> None:
            nonlocal taken
            for _ in range(2 * per_minute):
                await rates.take("mine", per_minute)
                taken += 1

        with pytest.raises(Overloaded) as refused:
            await take_many()
        assert per_minute <= taken <= per_minute + 1 + per_minute // 20  # some time passes
        assert refused.value.retry_after == seconds
        await rates.take("another", per_minute)
        assert 0 < await redis.pttl("llm-monitor:rate:mine") <= 61_000


async def test_the_rate_of_a_key_is_that_of_all_processes_together(
    database_url: str, redis_url: str, engine: Engine
) -> None:
    token = await issue(engine, "read", requests_per_minute=4)
    async with (
        serving(database_url, redis_url) as (first, _),
        serving(database_url, redis_url) as (second, _),
    ):
        answers = [await client.get("/traces", headers=bearer(token)) for client in (first, second) * 3]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    assert answers[-1].headers["content-type"] == PROBLEM
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 15


async def test_without_redis_nothing_is_limited() -> None:
    async with Redis.from_url("unix:///nonexistent/redis.sock") as redis:
        for _ in range(3):
            await Rates(redis).take("mine", 1)


async def test_every_answer_carries_headers_for_browsers(api: ApiRig) -> None:
    for path in ("/health", "/traces", "/nowhere", "/docs"):
        headers = (await api.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert ("content-security-policy" in headers) == (path != "/docs")
        assert "strict-transport-security" not in headers


async def test_only_named_origins_may_read_answers(database_url: str, redis_url: str, engine: Engine) -> None:
    token = await issue(engine, "read")
    async with serving(database_url, redis_url, cors_origins=PAGE) as (client, _):
        asked = {"access-control-request-method": "GET", "access-control-request-headers": "x-api-key"}
        for origin, allowed in ((PAGE, PAGE), ("https://evil.example", None)):
            preflight = await client.options("/traces", headers={"origin": origin, **asked})
            assert preflight.headers.get("access-control-allow-origin") == allowed
            answer = await client.get("/traces", headers={"origin": origin, **bearer(token)})
            assert answer.headers.get("access-control-allow-origin") == allowed
        refused = await client.get("/traces", headers={"origin": PAGE})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)
        assert "access-control-allow-credentials" not in refused.headers


async def test_a_page_elsewhere_cannot_use_a_server_without_keys(api: ApiRig) -> None:
    evil = {"origin": "https://evil.example"}
    for method, path in (("GET", "/traces"), ("POST", "/monitor/inference"), ("GET", "/pipeline")):
        answer = await api.client.request(method, path, json=CALL, headers=evil)
        assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM)
    assert (await api.client.get("/traces", headers={"host": "evil.example"})).status_code == 403
    assert (await api.client.get("/traces", headers={"origin": "http://api"})).status_code == 200


async def test_a_websocket_takes_its_key_by_header_or_subprotocol(
    api: ApiRig,  # noqa: ARG001 what the address serves
    engine: Engine,
    address: str,
) -> None:
    token = await issue(engine, "read", project_id="shop")
    for options in (
        {"additional_headers": bearer(token)},
        {"additional_headers": {"X-API-Key": token}},
        {"subprotocols": ["llm-monitor", f"llm-monitor.key.{token}"]},
    ):
        async with connect(address, **options) as socket:
            assert (await receive(socket, {"pipeline"}))["pipeline"]["projects"] == []
            assert socket.subprotocol == ("llm-monitor" if "subprotocols" in options else None)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, 401),
        ({"subprotocols": ["llm-monitor"]}, 401),
        ({"subprotocols": [f"llm-monitor.key.lm_000000000000_{'A' * 43}"]}, 401),
        ({"additional_headers": {"X-API-Key": "nothing"}}, 401),
    ],
)
async def test_a_websocket_without_a_key_is_refused_before_it_opens(
    api: ApiRig,
    engine: Engine,
    address: str,
    options: Any,
    status: int,
) -> None:
    await issue(engine, "read")
    await api.services.authenticator.keyring.refresh()  # what happens every second
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, **options)
    assert refused.value.response.status_code == status


async def test_a_page_elsewhere_opens_no_websocket_without_a_key(api: ApiRig, address: str) -> None:
    assert api.app
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, origin="https://evil.example")  # type: ignore[arg-type]  # any text may be sent as an origin
    assert refused.value.response.status_code == 403


async def test_a_websocket_ends_with_its_key(api: ApiRig, engine: Engine, address: str) -> None:
    assert api.app
    token = await issue(engine, "read")
    async with connect(address, additional_headers=bearer(token)) as socket:
        await receive(socket, {"pipeline"})
        async with writing(engine) as connection:
            await withdraw_key(connection, line(), token[:15])
        async with asyncio.timeout(3):
            with pytest.raises(ConnectionClosed) as closed:
                await _drain(socket)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1008


async def _drain(socket: ClientConnection) -> None:
    while True:
        await socket.recv()
