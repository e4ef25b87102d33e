from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from app.events import Event, publish_event
from tests.integration.api_rig import ApiRig

CALL = {"prompt": "hello", "response": "danger here", "model_name": "gpt-4"}


@pytest.fixture
async def address(api: ApiRig) -> AsyncIterator[str]:
    """The WebSocket of the running application, served on a free port of this machine."""
    config = uvicorn.Config(
        api.app,
        port=0,
        lifespan="off",
        log_level="error",
        timeout_graceful_shutdown=1,
        ws="websockets-sansio",
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # older versions of uvicorn have it
    assert threading.current_thread() is threading.main_thread()
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 uvicorn announces it in no other way
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"ws://127.0.0.1:{port}/ws/metrics"
    server.should_exit = True
    await serving


async def receive(socket: ClientConnection, kinds: set[str]) -> dict[str, Any]:
    """The first frame of each of these types."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(20):
        while set(found) != kinds:
            message = await socket.recv()
            assert isinstance(message, str)
            frame = msgspec.json.decode(message)
            assert set(frame) == {"type", "data"}
            if frame["type"] in kinds:
                found.setdefault(frame["type"], frame["data"])
    return found


async def test_a_watcher_sees_figures_at_once_and_then_each_stored_trace(api: ApiRig, address: str) -> None:
    async with connect(address) as socket:
        first = await receive(socket, {"metrics", "cost_update", "pipeline"})
        assert first["metrics"]["total_interactions"] == 0
        (trace_id,) = await api.store(CALL)
        frame = (await receive(socket, {"trace"}))["trace"]
        assert [trace["trace_id"] for trace in frame["traces"]] == [trace_id]
        assert isinstance(frame["traces"][0]["cost_usd"], float)
        later = await receive(socket, {"metrics", "cost_update", "pipeline"})
    assert later["metrics"]["total_interactions"] == 1
    assert later["metrics"]["flags"] == {"toxicity": 1}
    assert later["cost_update"]["total_cost_usd"] > 0
    assert later["pipeline"]["projects"][0]["stored"] == 1


@pytest.mark.parametrize("kind", ["alert", "job"])
async def test_other_news_is_passed_on_as_it_is(api: ApiRig, address: str, kind: Any) -> None:
    async with connect(address) as socket:
        await receive(socket, {"metrics"})
        await publish_event(api.worker.redis, Event(kind, "other", {"n": 1}))
        await publish_event(api.worker.redis, Event(kind, "default", {"n": 2}))
        assert (await receive(socket, {kind}))[kind] == {"n": 2}


async def test_a_watcher_that_never_reads_holds_nobody_up(api: ApiRig, address: str) -> None:
    async with connect(address, max_queue=1) as deaf, connect(address) as socket:
        await receive(socket, {"metrics"})
        payload = {"text": "x" * 100_000}
        for number in range(200):
            await publish_event(api.worker.redis, Event("alert", "default", {**payload, "n": number}))
        async with asyncio.timeout(20):
            while (await receive(socket, {"alert"}))["alert"]["n"] != 199:
                pass
        response = await api.client.get("/health")
        assert response.status_code == 200
        deaf.transport.abort()
