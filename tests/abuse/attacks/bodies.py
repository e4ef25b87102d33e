"""Attacks with an ingest key by the content of bodies.

The bodies are wrong, small to send and large to read, or long.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import cycle

from tests.abuse.attacks.attack import Attack, Round, Strike, Target, side_by_side
from tests.abuse.attacks.connection import Connection, request

__all__ = ["ATTACKS", "NDJSON", "PROTOBUF", "lines_of"]

NDJSON, PROTOBUF = "application/x-ndjson", "application/x-protobuf"
_GOOD = b'{"prompt":"What is it?","response":"It is a river."}'
# These follow an unknown field, where a reader that skips fields may look less closely.
_BROKEN = (
    b"NaN",
    b"-Infinity",
    b"01",
    b"tru",
    b'"\\x"',
    b'"\\ud800"',
    b"[" * 1000,
    b"1e999",
    b'{"a":}',
    b"\xff",
)
_DEEP = b"[" * 100_000
_TOO_LARGE = {"413", "422"}
_MANY = 200_000
_ADDRESSES = "x@a."
_CARD = "4539 5787 6362 1486 "


def malformed_lines(target: Target) -> Strike:
    """Case 02: bodies that are no JSON after an unknown field, and deep nesting.

    Each is sent alone, and as one line of three.
    """
    broken = [b'{"prompt":"a","response":"b","x":1,"y":' + value + b"}" for value in _BROKEN]
    single = [
        request(path, body, key=target.ingest_key)
        for body in [*broken, _DEEP, b'{"a":' * 50_000]
        for path in ("/monitor/inference", "/guard", "/evaluate", "/monitor/inferences")
    ]
    mixed = [
        request(
            "/monitor/inferences",
            b"\n".join((_GOOD, body, _GOOD)),
            key=target.ingest_key,
            content_type=NDJSON,
        )
        for body in [*broken, _DEEP]
    ]

    def strike(round_: Round) -> None:
        def send_mixed() -> None:
            with Connection(target.port) as connection:
                for body in cycle(mixed):
                    if not round_.goes_on():
                        return
                    answer = round_.send(connection, body)
                    taken = answer.status == "202" and answer.json()["accepted"]
                    if (
                        answer.status != "429" and taken < 2
                    ):  # Unicode is mended, so that such a line is taken too
                        round_.wrong("one bad line cost the lines beside it")
                    round_.pause(0.05)

        side_by_side(partial(round_.repeat, target.port, cycle(single), every=0.03), send_mixed)

    return strike


def small_bodies(target: Target) -> Strike:
    """Case 06: one to four kilobytes of gzip that become very many items.

    They hold two million lines, or half a million values or spans.
    """
    key = target.ingest_key
    spans = _nest(_nest(_nest(b"\x12\x00" * 500_000, 2), 2), 1)
    lines = partial(request, "/monitor/inferences", key=key, compressed=True)
    some = [
        lines(b"[" + b"1," * 300_000 + b"1]"),
        request("/v1/traces", spans, key=key, content_type=PROTOBUF, compressed=True),
    ]
    others = [lines(b"{}\n" * 500_000, content_type=NDJSON), lines(b"x\n" * 2_000_000, content_type=NDJSON)]

    def strike(round_: Round) -> None:
        side_by_side(
            *[partial(round_.repeat, target.port, cycle(each), every=0.25) for each in (some, others)]
        )

    return strike


def many_records(target: Target) -> Strike:
    """Cases 05 and 06: 200,000 valid records at once.

    If so many are refused, they are sent in as many parts as it takes.
    """
    requests = {
        size: request(
            "/monitor/inferences",
            _GOOD_LINE * size,
            key=target.ingest_key,
            content_type=NDJSON,
            compressed=True,
        )
        for size in (_MANY, 50_000, 10_000, 5_000, 1_000)
    }

    def strike(round_: Round) -> None:
        sent = 0
        with Connection(target.port) as connection:
            for size, body in requests.items():
                while sent < _MANY and round_.goes_on():
                    if round_.send(connection, body).status in _TOO_LARGE:
                        break
                    sent += size

    return strike


def long_texts(target: Target) -> Strike:
    """Case 07: a text of 30 MB that somebody waits for, and texts of 900 KB at the same time."""
    long, short = (_text(size) for size in (30_000_000, 900_000))
    post = partial(request, "/monitor/inference", key=target.ingest_key, compressed=True)
    first, others = post(long), post(short)

    def strike(round_: Round) -> None:
        side_by_side(
            partial(round_.repeat, target.port, [first, first], every=1),
            *[partial(round_.repeat, target.port, cycle([others]), every=0.7) for _ in range(2)],
        )

    return strike


def long_guard(target: Target) -> Strike:
    """Case 08: two clients with 255 KB of card numbers, and two with a smaller limit's size."""
    large, small = (
        request(
            "/guard",
            json.dumps({"prompt": _CARD * (size // len(_CARD))}).encode(),
            key=target.ingest_key,
            compressed=True,
        )
        for size in (255_000, 31_000)
    )

    def strike(round_: Round) -> None:
        clients = [
            partial(round_.repeat, target.port, cycle([body]), every=0.1)
            for body in (large, large, small, small)
        ]
        side_by_side(*clients)

    return strike


def lines_of(records: list[dict[str, object]]) -> bytes:
    """Return records as NDJSON."""
    return b"\n".join(json.dumps(record).encode() for record in records)


_GOOD_LINE = _GOOD + b"\n"


def _text(size: int) -> bytes:
    return json.dumps({"prompt": "Who?", "response": _ADDRESSES * (size // len(_ADDRESSES))}).encode()


def _nest(content: bytes, number: int) -> bytes:
    """Return content as the field `number` of a protobuf message."""
    length, left = bytearray(), len(content)
    while left > 127:
        length.append(left & 127 | 128)
        left >>= 7
    length.append(left)
    return bytes([number << 3 | 2]) + bytes(length) + content


ATTACKS = (
    Attack("malformed_lines", "02", malformed_lines, seconds=5),
    Attack("small_bodies", "06", small_bodies, seconds=8),
    Attack("long_guard", "08", long_guard),
    Attack("long_texts", "07", long_texts, seconds=8),
    Attack("many_records", "05, 06", many_records, seconds=8),
)
