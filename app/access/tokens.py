"""The form of a key: `lm_`, twelve public digits, `_`, and 256 random bits that are not stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

__all__ = ["Token", "is_prefix", "mint_token", "prefix_of", "same_token"]

_PREFIX = re.compile(r"lm_[0-9a-f]{12}")
_SHAPE = re.compile(rf"({_PREFIX.pattern})_[A-Za-z0-9_-]{{43}}")
_PREFIX_BYTES = 6
_SECRET_BYTES = 32


class Token(NamedTuple):
    """A fresh key: its text, shown once; its public prefix; and the digest that is stored."""

    text: str
    prefix: str
    digest: bytes


def mint_token() -> Token:
    """Return a new random key.

    SHA-256 without salt or stretching is enough: 256 random bits can be neither guessed nor listed.
    """
    prefix = f"lm_{secrets.token_hex(_PREFIX_BYTES)}"
    text = f"{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return Token(text, prefix, _digest(text))


def prefix_of(text: str) -> str | None:
    """Return the public prefix of a key, None for a text that is not a key of ours."""
    found = _SHAPE.fullmatch(text)
    return found[1] if found else None


def is_prefix(text: str) -> bool:
    """Tell whether a text could be the public prefix of a key."""
    return _PREFIX.fullmatch(text) is not None


def same_token(text: str, digest: bytes) -> bool:
    """Tell whether a text is the key of this digest. The time that this takes reveals nothing."""
    return hmac.compare_digest(_digest(text), digest)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
