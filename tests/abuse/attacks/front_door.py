"""Attacks without any key: endless heads, endless connections, and endless passwords."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count, cycle, islice

from tests.abuse.attacks.attack import Attack, Round, Strike, Target, side_by_side
from tests.abuse.attacks.connection import connect, request

__all__ = ["ATTACKS"]

_MIB = 1024 * 1024
_START = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_HEAD_MIB = 20
_PIECE = 64 * 1024
# This is 25 MB/s on a connection, which is as fast as a reader that does nothing else.
_PIECE_PAUSE = 0.0025
_SLOW, _IDLE = 400, 3000
_SPARE_FILES = 200


def tiny_headers(target: Target) -> Strike:
    """Case 05a and b: two heads with more and more headers.

    One has the shortest possible names, and the other has numbered names.
    """
    shortest = b"a:\r\n" * (_PIECE // 4)
    numbered = b"".join(b"X%d: y\r\n" % number for number in range(5000))

    def strike(round_: Round) -> None:
        side_by_side(
            partial(_pour, round_, target.port, shortest, _HEAD_MIB),
            partial(_pour, round_, target.port, numbered, _HEAD_MIB),
        )

    return strike


def endless_header(target: Target) -> Strike:
    """Case 05c: one header whose value never ends."""
    piece = b"a" * _PIECE
    return lambda round_: _pour(round_, target.port, piece, 3 * _HEAD_MIB, b"X: ")


def dashboard_heads(target: Target) -> Strike:
    """Case 05 at the dashboard: the shortest headers, and one that never ends."""
    shortest = b"a:\r\n" * (_PIECE // 4)

    def strike(round_: Round) -> None:
        side_by_side(
            partial(_pour, round_, target.dashboard_port, shortest, _HEAD_MIB),
            partial(_pour, round_, target.dashboard_port, b"a" * _PIECE, _HEAD_MIB, b"X: "),
        )

    return strike


def slow_connections(target: Target) -> Strike:
    """Case 05: hundreds of connections that send one byte of a head or a body every half second."""

    def strike(round_: Round) -> None:
        head, body = _START, b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n"
        opened = list(_connect(target.port, _SLOW))
        for place, one in enumerate(opened):
            with suppress(OSError):
                one.send(body if place % 4 == 0 else head)
        while round_.goes_on():
            for one in opened:
                with suppress(OSError):
                    one.send(b"a")
            round_.pause(0.5)
        _count_closed(round_, opened)

    return strike


def many_connections(target: Target) -> Strike:
    """Case 05: thousands of connections on which nothing is ever sent."""

    def strike(round_: Round) -> None:
        opened = list(_connect(target.port, _IDLE))
        while round_.goes_on():
            round_.pause(0.5)
        round_.answers["not opened"] += _IDLE - len(opened)
        _count_closed(round_, opened)

    return strike


def long_content_types(target: Target) -> Strike:
    """Case 05d: a hundred different content types of 2 MB, in requests to sign in."""
    value = "a" * (2 * _MIB)

    def bodies() -> Iterator[bytes]:
        for number in range(100):
            yield request("/sessions", b"{}", content_type=f"application/json; x{number}={value}")

    return lambda round_: round_.repeat(target.port, bodies(), every=0.05)


def sign_in_flood(target: Target) -> Strike:
    """Cases 03 and 13: wrong passwords for more and more projects, and for the tenant's project."""
    numbers = count()

    def bodies(project: str | None) -> Iterator[bytes]:
        for number in numbers:
            asked = {"project_id": project or f"nobody-{number}", "password": f"wrong password {number}"}
            yield request("/sessions", json.dumps(asked).encode())

    def strike(round_: Round) -> None:
        strangers = [partial(round_.repeat, target.port, bodies(None), every=0.05) for _ in range(16)]
        # Guesses come first, while a try is quick, because they might lock the tenant out.
        guesses = bodies(target.tenant)
        round_.repeat(target.port, islice(guesses, 12), every=0.05)
        side_by_side(*strangers, partial(round_.repeat, target.port, guesses, every=1))

    return strike


def odd_websockets(target: Target) -> Strike:
    """Case 04a: WebSockets to unknown paths, with and without a key, and wrong handshakes."""
    good = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    paths = ("/x", "/ws/metrics/", "/ws", "//ws/metrics", "/%00", "/ws/metrics%0a", "/monitor/inference", "/")
    wrong = ("Sec-WebSocket-Key: short", "Sec-WebSocket-Key: ", "Sec-WebSocket-Key: " + "a" * 4000)
    requests = [
        request(path, b"", *good, key, key=secret) for path in paths for secret in (target.ingest_key, "")
    ]
    requests += [request("/ws/metrics", b"", *good, line, key=target.admin_key) for line in wrong]
    return lambda round_: round_.repeat(target.port, cycle(requests), every=0.03)


def _pour(round_: Round, port: int, piece: bytes, mebibytes: int, begin: bytes = b"") -> None:
    """Send pieces of one head until so much was sent; begin again after the server has closed."""
    left = mebibytes * _MIB
    while left > 0 and round_.goes_on():
        with suppress(OSError), connect(port, 5) as one:
            one.sendall(_START + begin)
            try:
                while left > 0 and round_.goes_on():
                    one.sendall(piece)
                    left -= len(piece)
                    time.sleep(_PIECE_PAUSE)
                round_.count("taken to the last byte")
            except OSError:
                round_.count(_last_words(one))
        round_.pause(0.2)


def _last_words(one: socket.socket) -> str:
    try:
        return one.recv(64)[9:12].decode() or "closed"
    except OSError:
        return "closed"


def _connect(port: int, number: int) -> Iterator[socket.socket]:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_FILES
    for _ in range(min(number, most)):
        try:
            one = connect(port, 1)
        except OSError:
            return
        yield one


def _count_closed(round_: Round, opened: list[socket.socket]) -> None:
    for one in opened:
        one.setblocking(False)  # noqa: FBT003 the signature of the standard library
        try:
            found = one.recv(64)
            round_.count(found[9:12].decode() or "closed")
        except BlockingIOError:
            round_.count("still open")
        except OSError:
            round_.count("closed")
        one.close()


ATTACKS = (
    Attack("tiny_headers", "05", tiny_headers),
    Attack("endless_header", "05", endless_header, seconds=8),
    Attack("dashboard_heads", "05", dashboard_heads),
    Attack("slow_connections", "05", slow_connections),
    Attack("many_connections", "05", many_connections),
    Attack("long_content_types", "05", long_content_types, seconds=7),
    Attack("sign_in_flood", "03, 13", sign_in_flood, seconds=12),
    Attack("odd_websockets", "04", odd_websockets, seconds=5),
)
