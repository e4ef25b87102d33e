"""Passwords of people: hashed with argon2id, beside the event loop, two at a time."""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import InvalidParameter

__all__ = ["hash_password", "is_password"]

_SHORTEST: Final = 12
_LONGEST: Final = 1024
_hasher = PasswordHasher()  # the library's defaults follow RFC 9106: 64 MiB, three passes
# What is checked where there is no password, so that both take the same time.
_NONE: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$NqGvIJZzVLOmKDqDMIYuzXJ6FQJ5GH5nh0nMOXcW7L0"
)
_room = asyncio.Semaphore(2)  # each check takes 64 MiB


def hash_password(password: str) -> str:
    """Return the hash to keep; raises InvalidParameter for a password that is too short or too long."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise InvalidParameter(f"A password has {_SHORTEST} to {_LONGEST} characters.")
    return _hasher.hash(password)


async def is_password(password: str, known: str | None) -> bool:
    """Tell whether a password is the one of a hash; without a hash it takes as long and is never true."""
    async with _room:
        return await asyncio.to_thread(_verify, password[:_LONGEST], known or _NONE) and known is not None


def _verify(password: str, known: str) -> bool:
    try:
        return _hasher.verify(known, password)
    except (VerificationError, InvalidHashError):
        return False
