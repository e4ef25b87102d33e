"""Trace identifiers: UUIDv7, which carries the moment of acceptance and sorts by it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

__all__ = ["lot", "mint", "minted_at"]

_RANDOM_BITS = 80


def mint(now_ms: int) -> UUID:
    """Return a fresh UUIDv7 of the Unix time `now_ms` in milliseconds (RFC 9562, section 5.7)."""
    value = now_ms << _RANDOM_BITS | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def minted_at(trace_id: UUID) -> datetime:
    """Return the moment, aware UTC, at which an identifier was minted."""
    return datetime.fromtimestamp((trace_id.int >> _RANDOM_BITS) / 1000, UTC)


def lot(trace_id: UUID) -> float:
    """Return the number in [0, 1) that an identifier drew, the same whoever asks: below a share it is in."""
    return int.from_bytes(blake2b(trace_id.bytes, digest_size=6).digest()) / 2**48
