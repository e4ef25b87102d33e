"""What one connection may cost: large heads, slow clients, and many connections of one address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.config import Settings
from app.local.servers import Addresses
from app.local.stack import child_specs
from app.serving import connections
from app.serving.connections import BoundedConnection, Connections

GET = b"GET /health HTTP/1.1\r\nhost: localhost\r\n"


class FakeTransport:
    """Remembers what was written; `unsent` is what the client has not read."""

    def __init__(self, address: str = "192.0.2.1") -> None:
        self.address = address
        self.written = b""
        self.closed = self.aborted = self.paused = False
        self.unsent = 0
        self.protocol: Any = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": (self.address, 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.written += data

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def close(self) -> None:
        self.closed = True
        if self.protocol:
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
            self.protocol = None

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    @property
    def status(self) -> int | None:
        return int(self.written.split()[1]) if self.written else None


class Application:
    """Answers when the body is complete, or at once, or when the test lets it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.early = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        size, more = 0, not self.early
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size, more = size + len(message["body"]), message["more_body"]
        await self.hold.wait()
        self.seen.append((scope["path"], size))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Front:
    """A server without sockets."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.config = Config(application, lifespan="off", proxy_headers=False, log_level="error")
        self.config.load()
        self.state = ServerState()
        self.connections = Connections.of(self.state, asyncio.get_running_loop())

    def connect(self, address: str = "192.0.2.1") -> tuple[BoundedConnection, FakeTransport]:
        connection = BoundedConnection(self.config, self.state, {})
        transport = FakeTransport(address)
        transport.set_protocol(connection)
        connection.connection_made(transport)  # type: ignore[arg-type]  # a stand-in for the transport
        return connection, transport

    async def settle(self) -> None:
        async with asyncio.timeout(5):
            while self.state.tasks:
                await asyncio.wait(self.state.tasks)

    def pass_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.connections.tick()


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    front = Front(Application())
    yield front
    front.application.hold.set()
    for task in front.state.tasks:
        task.cancel()
    await asyncio.gather(*front.state.tasks, return_exceptions=True)


def fields(count: int, value: bytes = b"") -> bytes:
    return b"".join(b"x%d: %b\r\n" % (number, value) for number in range(count))


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GET + b"\r\n", 200),
        (GET + fields(99) + b"\r\n", 200),
        (GET + b"cookie: " + b"a" * 60_000 + b"\r\n\r\n", 200),
        (b"GET /" + b"a" * 16_000 + b" HTTP/1.1\r\n\r\n", 200),
        (GET + fields(100) + b"\r\n", 431),
        (GET + fields(99, b"a" * 700) + b"\r\n", 431),
        (GET + b"cookie: " + b"a" * 66_000 + b"\r\n\r\n", 431),
        (GET + b"a" * 66_000 + b": 1\r\n\r\n", 431),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /?" + b"a" * 17_000, 431),
        (b"A" * 66_000, 400),
        (b"POST /health HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + fields(101), 431),
    ],
)
@pytest.mark.parametrize("piece", [1_000, 200_000])
async def test_a_head_is_bounded_however_it_comes(front: Front, head: bytes, status: int, piece: int) -> None:
    front.application.hold.clear()
    connection, transport = front.connect()
    for start in range(0, len(head), piece):
        if not transport.closed:
            connection.data_received(head[start : start + piece])
    front.application.hold.set()
    await front.settle()
    assert transport.status == status
    assert transport.closed == (status != 200)
    if status == 431:
        problem = json.loads(transport.written.partition(b"\r\n\r\n")[2])
        assert (problem["status"], "65536 bytes" in problem["detail"]) == (431, True)
        assert front.application.seen == []


@pytest.mark.parametrize(
    "beginning",
    [
        GET + b"x: ",
        GET,
        b"GET /",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;x=",
    ],
)
async def test_what_never_ends_is_ended_at_the_limit(front: Front, beginning: bytes) -> None:
    front.application.hold.clear()
    connection, transport = front.connect()
    connection.data_received(beginning)
    sent = 0
    while not transport.closed:
        connection.data_received(b"a" * 1000)
        sent += 1000
    assert sent <= 67_000
    assert transport.status == 431


async def test_bodies_are_not_counted_as_heads(front: Front) -> None:
    connection, transport = front.connect()
    for _ in range(2):
        connection.data_received(
            b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n" + b"a" * 100_000
        )
        connection.data_received(b"a" * 200_000)
        await front.settle()
    small = b"".join(b"1\r\na\r\n" for _ in range(50_000))
    connection.data_received(b"POST /b HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + small)
    connection.data_received(b"0\r\n\r\n")
    await front.settle()
    assert front.application.seen == [("/a", 300_000), ("/a", 300_000), ("/b", 50_000)]
    assert not transport.closed


@pytest.mark.parametrize("expects", [b"100-continue", b"100-Continue"])
async def test_a_client_that_asks_first_may_send_its_body(front: Front, expects: bytes) -> None:
    connection, transport = front.connect()
    head = b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: %b\r\n\r\n" % expects
    connection.data_received(head)
    async with asyncio.timeout(5):
        while not transport.written:  # noqa: ASYNC110 a transport announces nothing
            await asyncio.sleep(0)
    assert transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.data_received(b"hello")
    await front.settle()
    assert front.application.seen == [("/a", 5)]
    assert transport.written.count(b"HTTP/1.1 200 OK") == 1


async def test_pipelined_requests_are_bounded(front: Front) -> None:
    front.application.hold.clear()
    connection, transport = front.connect()
    connection.data_received((GET + b"\r\n") * 10)
    assert not transport.closed
    connection.data_received((GET + b"\r\n") * 10)
    assert (transport.closed, len(connection.pipeline)) == (True, 16)


@pytest.mark.parametrize("sent", [b"", b"\r\n", GET, GET + b"x: y\r\n"])
async def test_a_head_has_twenty_seconds(front: Front, sent: bytes) -> None:
    connection, transport = front.connect()
    if sent:
        connection.data_received(sent)
    front.pass_seconds(20)
    assert not transport.closed
    for _ in range(3):
        connection.data_received(sent and b"x: y\r\n" if len(sent) > 2 else b"\r\n")
        front.pass_seconds(1)
    assert (transport.closed, transport.status) == (True, 408)


async def test_a_body_has_a_slowest_rate(front: Front) -> None:
    head = b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n"
    (honest, kept), (slow, ended) = front.connect(), front.connect()
    for connection in (honest, slow):
        connection.data_received(head)
    for _ in range(50):
        honest.data_received(b"a" * 500)
        if not ended.closed:
            slow.data_received(b"a" * 200)
        front.pass_seconds(1)
    assert (kept.closed, ended.closed, ended.status) == (False, True, 408)


async def test_a_client_that_waits_for_this_process_has_all_the_time(front: Front) -> None:
    front.application.hold.clear()
    connection, transport = front.connect()
    connection.data_received(GET + b"\r\n")
    front.pass_seconds(100)
    expecting, waiting = front.connect()
    expecting.data_received(
        b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
    )
    front.pass_seconds(100)
    pausing, paused = front.connect()
    pausing.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n" + b"a" * 70_000)
    assert paused.paused
    front.pass_seconds(100)
    assert [each.closed for each in (transport, waiting, paused)] == [False] * 3


async def test_a_body_behind_its_answer_is_not_read_for_ever(front: Front) -> None:
    front.application.early = True
    connection, transport = front.connect()
    connection.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n")
    await front.settle()
    assert transport.status == 200
    for _ in range(20):
        connection.data_received(b"a" * 100_000)
        front.pass_seconds(1)
    assert not transport.closed
    connection.data_received(b"a" * 100_000)
    front.pass_seconds(1)
    assert transport.closed
    assert transport.written.count(b"HTTP/1.1 ") == 1


async def test_an_answer_that_nobody_reads_is_dropped(front: Front) -> None:
    (_, reading), (_, sleeping) = pairs = front.connect(), front.connect()
    for connection, transport in pairs:
        transport.unsent = 10_000_000
        connection.pause_writing()
    for _ in range(70):
        reading.unsent -= 1000
        front.pass_seconds(1)
    assert (reading.aborted, sleeping.aborted) == (False, True)


async def test_an_idle_connection_is_left_to_uvicorn(front: Front) -> None:
    connection, transport = front.connect()
    connection.data_received(GET + b"\r\n")
    await front.settle()
    front.pass_seconds(100)
    assert not transport.closed
    assert connection.timeout_keep_alive_task is not None
    connection.data_received(b"\r\n")  # is no request, but ends the waiting for one
    front.pass_seconds(25)
    assert transport.closed


@pytest.fixture
async def small(front: Front, monkeypatch: pytest.MonkeyPatch) -> Front:
    """A server with room for twenty connections."""
    monkeypatch.setattr(connections, "_open_files", lambda: 320)
    return Front(front.application)


def statuses(found: list[tuple[BoundedConnection, FakeTransport]]) -> list[int | None]:
    return [transport.status for _, transport in found]


async def test_one_address_leaves_room_for_others(small: Front) -> None:
    greedy = [small.connect() for _ in range(15)]
    assert statuses(greedy) == [None] * 10 + [503] * 5
    assert statuses([small.connect(f"192.0.2.{number}") for number in range(2, 7)]) == [None] * 5
    assert len(small.connections) == 15
    for _, transport in greedy:
        transport.close()
    await asyncio.sleep(0)
    assert len(small.connections) == 5
    assert small.connect()[1].status is None


async def test_who_holds_none_comes_in_when_all_are_taken(small: Front) -> None:
    crowd = [small.connect(f"192.0.2.{address}") for address in range(1, 5) for _ in range(5)]
    assert (statuses(crowd), len(small.connections)) == ([None] * 20, 20)
    newcomers = [small.connect(f"198.51.100.{address}") for address in range(1, 4)]
    assert statuses(newcomers) == [None] * 3
    assert [transport.aborted for _, transport in crowd].count(True) == 3
    await asyncio.sleep(0)
    assert len(small.connections) == 20
    assert small.connect("192.0.2.1")[1].status == 503  # holds its share


async def test_who_waits_for_an_answer_is_not_sent_away_for_others(small: Front) -> None:
    small.application.hold.clear()
    busy = [small.connect(f"192.0.2.{address}") for address in range(1, 5) for _ in range(5)]
    for connection, _ in busy:
        connection.data_received(GET + b"\r\n")
    assert small.connect("198.51.100.1")[1].status == 503
    assert not any(transport.aborted for _, transport in busy)
    small.application.hold.set()
    await small.settle()
    assert statuses(busy) == [200] * 20
    assert small.connect("198.51.100.1")[1].status is None


async def test_a_websocket_keeps_its_place_until_it_ends(front: Front) -> None:
    connection, transport = front.connect()
    key = b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    connection.data_received(GET + b"connection: upgrade\r\nupgrade: websocket\r\n" + key + b"\r\n")
    assert len(front.connections) == 1
    front.pass_seconds(100)
    assert not transport.closed
    transport.protocol.connection_lost(None)
    assert len(front.connections) == 0


def test_every_start_of_the_api_takes_this_class() -> None:
    name = "app.serving.connections:BoundedConnection"
    addresses = Addresses("postgresql:///none", "redis://none")
    (api, *_) = child_specs("api", Settings(), addresses)
    command = " ".join(api.command)
    compose = yaml.safe_load((Path(__file__).parents[3] / "docker-compose.yml").read_text())
    composed = " ".join(compose["services"]["llm-monitor-api"]["command"])
    for start in (command, composed):
        assert start.count(f"--http {name}") == start.count("-m uvicorn") == 1
