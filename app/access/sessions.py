"""Sessions of people: a random token in a cookie, and in Redis what it stands for, until it is ended.

Each key, and the password of each project, has at most a hundred: the one that was begun first ends for one more.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
import secrets
from collections.abc import Callable, Iterable
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
_OWNER_PREFIX: Final = "llm-monitor:sessions:"
_MOST_OF_OWNER: Final = 100  # some 40 KiB of Redis
_LASTS: Final = timedelta(hours=12)
_FRESH: Final = timedelta(seconds=2)
_MOST: Final = 10_000
_RETRY_SECONDS = 2
# An owner's sessions by when they were begun, in seconds: 12 hours later none is left.
_BEGIN: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[1]))
while redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) do
  redis.call('DEL', redis.call('ZPOPMIN', KEYS[2])[1])
end
redis.call('SET', KEYS[1], ARGV[3], 'EXAT', ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.6f', now), KEYS[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return 1
"""
_END: Final = """
redis.call('ZREM', KEYS[2], KEYS[1])
return redis.call('DEL', KEYS[1])
"""
_END_ALL: Final = """
for _, owner in ipairs(KEYS) do
  for _, place in ipairs(redis.call('ZRANGE', owner, 0, -1)) do redis.call('DEL', place) end
  redis.call('DEL', owner)
end
return #KEYS
"""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in, by which key or which setting of the password, and when that ends."""

    project_id: str
    scopes: tuple[Scope, ...]
    actor: str
    expires_at: datetime
    key_prefix: str | None = None
    password_set_at: datetime | None = None


class _Known(NamedTuple):
    session: Session
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
        self._begin, self._end, self._end_all = (
            redis.register_script(script) for script in (_BEGIN, _END, _END_ALL)
        )

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
        lasts, end = int(_LASTS.total_seconds()), math.ceil(session.expires_at.timestamp())
        try:
            await self._begin(
                keys=[_place(token), _owner(session)], args=[lasts, end, _encode(session), _MOST_OF_OWNER]
            )
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
            rate=self._keyring.rate(session.key_prefix),
        )

    async def end(self, token: str) -> None:
        """End a session everywhere within two seconds; raises Unavailable while Redis is away."""
        session = await self._read(_place(token))
        if session is None:
            return
        try:
            await self._end(keys=[_place(token), _owner(session)])
        except (RedisError, OSError) as error:
            raise _away() from error
        self._known.pop(_place(token), None)

    async def forget(self, prefixes: Iterable[str]) -> None:
        """Free what sessions of revoked keys, named by their prefixes, hold in Redis; they count no longer anyway."""
        try:
            await self._end_all(keys=[_OWNER_PREFIX + prefix for prefix in prefixes])
        except (RedisError, OSError) as error:
            logger.warning("sessions that ended stay in Redis until they expire: %s", type(error).__name__)

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
        if value is None:  # not remembered: anybody can think of tokens
            self._known.pop(place, None)
            return None
        if len(self._known) >= _MOST:
            self._known.clear()
        session = _decode(value)
        self._known[place] = _Known(session, now)
        return session

    async def _counts(self, session: Session) -> bool:
        if session.expires_at <= self._clock():
            return False
        if await self._keyring.any_made() is None:
            raise _away()
        return await self._keyring.holds(session.project_id, session.key_prefix, session.password_set_at)


def _owner(session: Session) -> str:
    return _OWNER_PREFIX + (session.key_prefix or f"{PASSWORD}:{session.project_id}")


def _place(token: str) -> str:
    return _PREFIX + hashlib.sha256(token.encode()).hexdigest()


def _away() -> Unavailable:
    return Unavailable("Sessions cannot be read now; try again shortly.", retry_after=_RETRY_SECONDS)
