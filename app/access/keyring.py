"""The keys and passwords as one process knows them: read from Postgres every second, looked up from memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from app.access.identity import rate_of, unknown_keys
from app.access.tokens import prefix_of, same_token
from app.errors import Unauthorized, Unavailable
from app.schemas.keys import Key
from app.storage.access.keys import read_standing_keys
from app.storage.access.passwords import Password, read_passwords
from app.storage.engine import Engine, reading
from app.supervision import Tasks

__all__ = ["Keyring"]

logger = logging.getLogger(__name__)

_REFRESH_SECONDS = 1.0
_REMEMBERED = timedelta(days=1)  # how long one who sends a key that has ended is told so
_MISS_SECONDS = 0.25  # between two readings that unknown keys bring about


class Keyring:
    """Looks keys up without asking Postgres; what one process changes, all know within two seconds.

    While Postgres is away the last reading holds.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock
        self._by_prefix: dict[str, Key] = {}
        self._passwords: dict[str, Password] = {}
        self._reading = asyncio.Lock()
        self._read_at = time.monotonic() - _MISS_SECONDS
        self._read = False
        self._away = False
        self._ended: set[str] = set()

    async def any_made(self) -> bool | None:
        """Tell whether a key was ever made, or a password set; None while that cannot be known."""
        if not self._read:
            await self._reread()
        return bool(self._by_prefix or self._passwords) if self._read else None

    async def find(self, text: str) -> Key:
        """Return the key of this text.

        Raises Unauthorized when it does not count, Unavailable when that cannot be known now.
        """
        prefix = prefix_of(text)
        if prefix is None:
            raise Unauthorized("This is no key of LLM Monitor: one begins with lm_ and has 59 characters.")
        if prefix not in self._by_prefix:
            await self._reread()
        key = self._by_prefix.get(prefix)
        if key is None and self._away:
            raise unknown_keys()
        if key is None or not same_token(text, key.digest):
            raise Unauthorized("There is no such key.")
        if (state := key.state(self._clock())) != "active":
            raise Unauthorized(f"The key {key.prefix} ({key.name}) is {state}; ask for another.")
        return key

    def active(self, prefix: str) -> Key | None:
        """Return a key by its public prefix while it counts."""
        key = self._by_prefix.get(prefix)
        return key if key and key.state(self._clock()) == "active" else None

    def rate(self, prefix: str | None) -> tuple[str, int] | None:
        """Return the bucket that a key's sessions share with it, None where nothing limits it."""
        key = self._by_prefix.get(prefix) if prefix else None
        return rate_of(key) if key else None

    def take_ended(self) -> set[str]:
        """Return the prefixes of the keys that were revoked since the last call."""
        ended, self._ended = self._ended, set()
        return ended

    def password(self, project_id: str) -> Password | None:
        """Return the admin password of a project, None where none was set."""
        return self._passwords.get(project_id)

    async def holds(self, project_id: str, prefix: str | None, password_set_at: datetime | None) -> bool:
        """Tell whether what a session was begun with still counts: a key, or without one a password.

        Another process may have begun it with what was made a moment ago, so what is not known is read once more.
        """
        if self._holds(project_id, prefix, password_set_at):
            return True
        if prefix is None or prefix not in self._by_prefix:
            await self._reread()
        return self._holds(project_id, prefix, password_set_at)

    def _holds(self, project_id: str, prefix: str | None, password_set_at: datetime | None) -> bool:
        if prefix is not None:
            return self.active(prefix) is not None
        password = self._passwords.get(project_id)
        return password is not None and password.set_at == password_set_at

    async def refresh(self) -> None:
        """Read the keys that count, and those that ended lately; raises Unavailable."""
        async with self._reading:
            await self._load()

    async def _reread(self) -> None:
        """Read once for all who miss something at the same time; while Postgres is away nobody waits for it."""
        missed_at = time.monotonic()
        async with self._reading:
            if self._away or self._read_at > missed_at:
                return
            await asyncio.sleep(self._read_at + _MISS_SECONDS - time.monotonic())
            try:
                await self._load()
            except Unavailable:
                logger.warning("the keys could not be read: the database does not answer")

    async def _load(self) -> None:
        begun, since = time.monotonic(), self._clock() - _REMEMBERED
        try:
            async with reading(self._engine) as connection:
                found, passwords = (
                    await read_standing_keys(connection, since),
                    await read_passwords(connection),
                )
        except Unavailable:
            self._away = True
            raise
        self._ended |= {
            key.prefix
            for key in found
            if key.revoked_at and (known := self._by_prefix.get(key.prefix)) and not known.revoked_at
        }
        self._by_prefix = {key.prefix: key for key in found}
        self._passwords = passwords
        self._read_at = begun
        self._read, self._away = True, False

    async def run(self, tasks: Tasks, forget: Callable[[set[str]], Awaitable[None]] | None = None) -> None:
        """Keep the reading fresh until cancelled; whatever goes wrong only skips a turn.

        `forget` is told which keys were revoked.
        """

        async def read() -> None:
            await self.refresh()
            if forget and self._ended:
                await forget(self.take_ended())

        # A key that was revoked must not go on counting because reading failed before.
        await tasks.repeat("keys", read, _REFRESH_SECONDS, longest=_REFRESH_SECONDS)
