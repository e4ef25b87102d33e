"""Trace ids: UUIDv7, which hold the moment of acceptance and sort by it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

__all__ = ["first_id", "mint", "mint_many", "minted_at", "sample_fraction"]

_RANDOM_BITS = 80
_RANDOM_BYTES = _RANDOM_BITS // 8
# Version and variant, and all other bits.
_FIXED = 0x7 << 76 | 0x2 << 62
_FREE = (1 << 128) - 1 - (0xF << 76) - (0x3 << 62)


def mint(now_ms: int) -> UUID:
    """Return a new UUIDv7 of the Unix time `now_ms` in milliseconds (RFC 9562, section 5.7)."""
    return _mint(now_ms << _RANDOM_BITS, os.urandom(_RANDOM_BYTES))


def mint_many(now_ms: int, count: int) -> list[UUID]:
    """Return several ids of the same moment, with one request for random bits."""
    if count == 1:
        return [mint(now_ms)]
    moment, random = now_ms << _RANDOM_BITS, os.urandom(_RANDOM_BYTES * count)
    starts = range(0, len(random), _RANDOM_BYTES)
    return [_mint(moment, random[start : start + _RANDOM_BYTES]) for start in starts]


def _mint(moment: int, random: bytes) -> UUID:
    return UUID(int=(moment | int.from_bytes(random)) & _FREE | _FIXED)


def minted_at(trace_id: UUID) -> datetime:
    """Return the moment, aware UTC, at which an id was made."""
    return datetime.fromtimestamp((trace_id.int >> _RANDOM_BITS) / 1000, UTC)


def first_id(moment: datetime) -> UUID:
    """Return the smallest id that could have been made at an aware moment."""
    return UUID(int=int(moment.timestamp() * 1000) << _RANDOM_BITS)


def sample_fraction(trace_id: UUID) -> float:
    """Return a number in [0, 1) that depends only on the id.

    A trace belongs to a sample of share `s` if its number is below `s`. Every process computes the
    same number.
    """
    return int.from_bytes(blake2b(trace_id.bytes, digest_size=6).digest()) / 2**48
