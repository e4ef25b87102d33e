"""Passwords of people: hashed with argon2id, beside the event loop, one at a time."""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.access.attempts import Attempts
from app.errors import InvalidParameter

__all__ = ["PasswordChecks", "hash_password"]

_SHORTEST: Final = 12
_LONGEST: Final = 1024
_hasher = PasswordHasher()  # the library's defaults follow RFC 9106: 64 MiB, three passes
# What is checked where there is no password, so that both take the same time.
_NONE: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$NqGvIJZzVLOmKDqDMIYuzXJ6FQJ5GH5nh0nMOXcW7L0"
)
_LONGEST_QUEUE: Final = 16  # some seconds for the last in it


def hash_password(password: str) -> str:
    """Return the hash to keep; raises InvalidParameter for a password that is too short or too long."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise InvalidParameter(f"A password has {_SHORTEST} to {_LONGEST} characters.")
    return _hasher.hash(password)


class PasswordChecks:
    """Checks passwords in turns: each takes 64 MiB and, with its four lanes, all of a small machine."""

    def __init__(self) -> None:
        self._attempts = Attempts(most=1, longest=_LONGEST_QUEUE)

    async def is_password(self, password: str, known: str | None, *, client: str) -> bool:
        """Tell whether a password is the one of a hash; without a hash it takes as long and is never true.

        `client` is who asks: one that asked in vain before waits behind those that did not. Raises Overloaded
        when too many wait.
        """
        async with self._attempts.turn(client):
            right = (
                await asyncio.to_thread(_verify, password[:_LONGEST], known or _NONE) and known is not None
            )
        if right:
            self._attempts.note_success(client)
        return right


def _verify(password: str, known: str) -> bool:
    try:
        return _hasher.verify(known, password)
    except (VerificationError, InvalidHashError):
        return False
