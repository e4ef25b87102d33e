"""A load generator that costs little: prepared requests, raw HTTP/1.1, its own CPU time measured."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

import uvloop

__all__ = ["Load", "closed_loop", "open_loop", "request"]

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "
_STATUS = slice(9, 12)
_PATIENCE_SECONDS = 60.0


class Load(NamedTuple):
    """What a load came to: answers by status, seconds from first to last byte, latencies in seconds.

    `cpu_seconds` is what this process spent on sending it.
    """

    statuses: Counter[int]
    seconds: float
    latencies: Sequence[float]
    cpu_seconds: float

    @property
    def answered(self) -> int:
        """Answers with a 2xx status."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)  # noqa: PLR2004 status codes of HTTP

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds below which `share` of the answers lie."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def request(path: str, body: bytes, *headers: str, content_type: str = "application/json") -> bytes:
    """Return the bytes of one POST, or of a GET where the body is empty."""
    head = [
        f"{'POST' if body else 'GET'} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(head).encode() + _END_OF_HEAD + body


class _Connection(asyncio.Protocol):
    """Sends one request at a time and calls `done` with the status of its answer."""

    def __init__(self, done: Callable[[_Connection, int], None]) -> None:
        self._done = done
        self._received = b""
        self.transport: asyncio.WriteTransport | None = None
        self.sent = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # asyncio gives a stream one that writes

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 the signature of asyncio
        self.transport = None
        if self.busy:
            self.busy = False
            self._done(self, 0)

    def send(self, data: bytes, moment: float) -> None:
        self.sent = moment
        self.busy = True
        if self.transport is not None:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        end = received.find(_END_OF_HEAD)
        if end < 0:
            return
        at = received.find(_LENGTH, 0, end)
        length = int(received[at + len(_LENGTH) : received.index(b"\r", at)]) if at >= 0 else 0
        if len(received) < end + len(_END_OF_HEAD) + length:
            return
        self._received = b""
        self.busy = False
        self._done(self, int(received[_STATUS]))


def closed_loop(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Load:
    """Keep `connections` requests in flight for `seconds`, or until the requests end."""
    return uvloop.run(_closed(port, requests, connections, seconds))


async def _closed(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    idle = asyncio.Event()
    busy = 0
    deadline = float("inf")

    def done(connection: _Connection, status: int) -> None:
        nonlocal busy
        now = time.perf_counter()
        statuses[status] += 1
        latencies.append(now - connection.sent)
        following = next(requests, None) if now < deadline and connection.transport else None
        if following is None:
            busy -= 1
            if not busy:
                idle.set()
        else:
            connection.send(following, now)

    first = list(islice(requests, connections))
    busy = len(first)
    made = [(await loop.create_connection(lambda: _Connection(done), "127.0.0.1", port))[1] for _ in first]
    begun, cpu = time.perf_counter(), time.process_time()
    deadline = begun + seconds
    for connection, data in zip(made, first, strict=True):
        connection.send(data, begun)
    await idle.wait()
    load = Load(statuses, time.perf_counter() - begun, latencies, time.process_time() - cpu)
    _close(made)
    return load


def open_loop(port: int, requests: Sequence[bytes], *, rate: float, connections: int = 64) -> Load:
    """Send the requests `rate` a second, whether answers come or not; latency counts from the due moment."""
    return uvloop.run(_open(port, requests, rate, connections))


async def _open(port: int, requests: Sequence[bytes], rate: float, connections: int) -> Load:
    loop = asyncio.get_running_loop()
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    free: deque[_Connection] = deque()
    late: deque[tuple[bytes, float]] = deque()
    all_answered = asyncio.Event()

    def done(connection: _Connection, status: int) -> None:
        statuses[status] += 1
        latencies.append(time.perf_counter() - connection.sent)
        if connection.transport:
            free.append(connection)
        start_late()
        if len(latencies) == len(requests):
            all_answered.set()

    def start_late() -> None:
        while late and free:
            connection = free.popleft()
            if connection.transport:  # an idle one may have been closed meanwhile
                connection.send(*late.popleft())

    async def connect() -> _Connection:
        return (await loop.create_connection(lambda: _Connection(done), "127.0.0.1", port))[1]

    made = [await connect() for _ in range(connections)]
    free.extend(made)
    begun, cpu = time.perf_counter(), time.process_time()
    for number, data in enumerate(requests):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        late.append((data, due))
        start_late()
    with suppress(TimeoutError):
        await asyncio.wait_for(all_answered.wait(), _PATIENCE_SECONDS)
    statuses[0] += len(requests) - len(latencies)
    load = Load(statuses, time.perf_counter() - begun, latencies, time.process_time() - cpu)
    _close(made)
    return load


def _close(connections: Sequence[_Connection]) -> None:
    for connection in connections:
        connection.busy = False  # closing is no answer
        if connection.transport:
            connection.transport.close()
