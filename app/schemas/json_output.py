"""JSON as it leaves the product: amounts of money are numbers, written without an exponent."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

__all__ = ["encode_json"]

_encode = msgspec.json.Encoder(decimal_format="number").encode
# Only decimals are written with a capital E; floats have a small one.
_SUSPICIOUS = re.compile(rb"\dE[+-]?\d")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d++(?:\.\d++)?E[+-]?\d{1,3}(?!\d)')


def encode_json(value: object) -> bytes:
    """Return msgspec structs, mappings and lists as JSON, with decimals as plain numbers.

    What Postgres returns for no money is `0E-10`, which becomes `0`.
    """
    encoded = _encode(value)
    return _TOKEN.sub(_plain, encoded) if _SUSPICIOUS.search(encoded) else encoded


def _plain(token: re.Match[bytes]) -> bytes:
    written = token.group()
    if written.startswith(b'"'):
        return written
    amount = Decimal(written.decode())
    if not amount:
        return b"0"
    number = f"{amount:f}"
    return (number.rstrip("0").rstrip(".") if "." in number else number).encode()
