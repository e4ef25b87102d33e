"""Sessions of people: a random token in a cookie, and in Redis what it stands for, until it is ended."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.access.identity import Identity
from app.access.keyring import Keyring
from app.errors import Unauthorized, Unavailable
from app.schemas.keys import Scope

__all__ = ["PASSWORD", "Session", "Sessions", "is_session"]

logger = logging.getLogger(__name__)

PASSWORD: Final = "-"  # noqa: S105 what a session that was begun with a password has in place of a key's prefix
_SHAPE: Final = re.compile(r"ls_[A-Za-z0-9_-]{43}")
_PREFIX: Final = "llm-monitor:session:"
_LASTS: Final = timedelta(hours=12)
_FRESH: Final = timedelta(seconds=2)
_MOST: Final = 10_000
_RETRY_SECONDS = 2


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in, by which key or which setting of the password, and when that ends."""

    project_id: str
    scopes: tuple[Scope, ...]
    actor: str
    expires_at: datetime
    key_prefix: str | None = None
    password_set_at: datetime | None = None


class _Known(NamedTuple):
    session: Session | None
    read_at: datetime


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Session).decode


def is_session(text: str) -> bool:
    """Tell whether a credential could be the token of a session."""
    return _SHAPE.fullmatch(text) is not None


class Sessions:
    """Begins, finds and ends sessions; one ends with its key, or with the password it was begun with.

    A session is looked up from memory for two seconds, and for as long as Redis is away.
    """

    def __init__(self, redis: Redis, keyring: Keyring, clock: Callable[[], datetime]) -> None:
        self._redis = redis
        self._keyring = keyring
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def begin(
        self, identity: Identity, *, password_set_at: datetime | None = None
    ) -> tuple[str, Session]:
        """Return a fresh token and its session, of twelve hours or as long as the key lasts.

        Raises Unavailable while Redis is away.
        """
        key = identity.key
        ends = self._clock() + _LASTS
        session = Session(
            project_id=identity.project_id,
            scopes=tuple(identity.scopes),
            actor=identity.actor,
            expires_at=min(ends, key.expires_at) if key and key.expires_at else ends,
            key_prefix=key.prefix if key else None,
            password_set_at=password_set_at,
        )
        token = f"ls_{secrets.token_urlsafe(32)}"
        try:
            await self._redis.set(_place(token), _encode(session), exat=session.expires_at)
        except (RedisError, OSError) as error:
            raise _away() from error
        return token, session

    async def find(self, token: str) -> Identity:
        """Return who signed in; raises Unauthorized when that has ended, Unavailable when it is not known."""
        session = await self._read(_place(token))
        if session is None or not await self._counts(session):
            raise Unauthorized("The session has ended; sign in again.")
        return Identity(
            session.project_id,
            frozenset(session.scopes),
            session.actor,
            session=session.key_prefix or PASSWORD,
        )

    async def end(self, token: str) -> None:
        """End a session everywhere within two seconds; raises Unavailable while Redis is away."""
        try:
            await self._redis.delete(_place(token))
        except (RedisError, OSError) as error:
            raise _away() from error
        self._known.pop(_place(token), None)

    async def _read(self, place: str) -> Session | None:
        now = self._clock()
        known = self._known.get(place)
        if known and now - known.read_at < _FRESH:
            return known.session
        try:
            value = await self._redis.get(place)
        except (RedisError, OSError) as error:
            if known is None:
                raise _away() from error
            return known.session
        if len(self._known) >= _MOST:
            self._known.clear()
        session = _decode(value) if value else None
        self._known[place] = _Known(session, now)
        return session

    async def _counts(self, session: Session) -> bool:
        if session.expires_at <= self._clock():
            return False
        if await self._keyring.any_made() is None:
            raise _away()
        return await self._keyring.holds(session.project_id, session.key_prefix, session.password_set_at)


def _place(token: str) -> str:
    return _PREFIX + hashlib.sha256(token.encode()).hexdigest()


def _away() -> Unavailable:
    return Unavailable("Sessions cannot be read now; try again shortly.", retry_after=_RETRY_SECONDS)
