"""Seeded changes to bodies: of bytes, of JSON's tokens, and of protobuf's lengths and numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

__all__ = ["FAULTS", "change_bytes", "change_token", "delimited", "mutate", "seeded_random"]

# Values that are no valid JSON, no number or text that we accept, or nested deeper than any stack.
# All are balanced.
FAULTS: Sequence[bytes] = (
    *(b"NaN", b"Infinity", b"-Infinity", b"01", b"tru", b"nul", b"-", b"1e", b".5", b"+1", b"0x1", b"'a'"),
    *(rb'"\q"', rb'"\u12"', rb'"\ud800"', rb'"\udc00\ud800"', rb'"\u0000"', b'"\xff"', b'"\xed\xa0\x80"'),
    *(b'"\x00"', b'"\n"', b'"a" "b"', b'{"a" 1}', b"{1:2}", b"[1 2]", b"[,]", b"{,}"),
    *(b"1e999", b"-1e999", b"9" * 400, b"9" * 5000, b"-1", b"18446744073709551616", b"1.5", b"0.1e-400"),
    *(b"null", b"true", b"[]", b"{}", b'""', b"[null]", b'{"a":null}', b'{"":{}}', b'{"\\ud800":1}'),
    *(b"[" * depth + b"]" * depth for depth in (60, 500, 1_100, 5_000)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (60, 500, 1_100, 5_000)),
    *(b'"0001-01-01T00:00:00+10:00"', b'"9999-12-31T23:59:59-10:00"', b'"2026-02-30T00:00:00Z"'),
    *(b'"[[[[1,{}]]]]"', b'"{\\"id\\":18446744073709551616}"', b'"[{\\"role\\":[1],\\"content\\":{}}]"'),
)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null')
_BYTES = b'\x00\x01\x7f\x80\xff"\\{}[],:.-09aeu\n\r \t'


def seeded_random(seed: str | int) -> random.Random:
    """Return numbers that are the same whenever the seed is."""
    return random.Random(seed)  # noqa: S311 nothing here is a secret


def mutate(body: bytes, seeded: random.Random) -> bytes:
    """Change a body once or a few times, in one way or another."""
    for _ in range(seeded.choice((1, 1, 1, 2, 5))):
        body = seeded.choice(_WAYS)(body, seeded)
    return body


def change_token(body: bytes, seeded: random.Random) -> bytes:
    """Put a fault in the place of one text, number or name of JSON."""
    tokens = list(_TOKEN.finditer(body))
    if not tokens:
        return body
    token = seeded.choice(tokens)
    return body[: token.start()] + seeded.choice(FAULTS) + body[token.end() :]


def change_bytes(body: bytes, seeded: random.Random) -> bytes:
    """Replace, add or take away a few bytes."""
    at = seeded.randrange(len(body) + 1)
    length = seeded.choice((0, 0, 1, 1, 2, 8))
    some = bytes(seeded.choices(_BYTES, k=seeded.choice((0, 1, 1, 2, 9))))
    return body[:at] + some + body[at + length :]


def _flip_bit(body: bytes, seeded: random.Random) -> bytes:
    if not body:
        return body
    at = seeded.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << seeded.randrange(8)]) + body[at + 1 :]


def _cut(body: bytes, seeded: random.Random) -> bytes:
    return body[: seeded.randrange(len(body) + 1)]


def _repeat(body: bytes, seeded: random.Random) -> bytes:
    first, last = sorted(seeded.randrange(len(body) + 1) for _ in range(2))
    return body[:last] + body[first:last][:2_000] * seeded.choice((1, 2, 20)) + body[last:]


def _move(body: bytes, seeded: random.Random) -> bytes:
    first, last = sorted(seeded.randrange(len(body) + 1) for _ in range(2))
    to = seeded.randrange(len(body) + 1)
    return body[:to] + body[first:last] + body[to:]


_WAYS: Sequence[Callable[[bytes, random.Random], bytes]] = (
    change_token,
    change_token,
    change_bytes,
    change_bytes,
    _flip_bit,
    _flip_bit,
    _cut,
    _repeat,
    _move,
)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def delimited(number: int, content: bytes) -> bytes:
    """Return a field of protobuf with its tag and length."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content
