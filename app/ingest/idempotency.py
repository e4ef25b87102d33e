"""The memory that gives a retried record the trace id of its first try."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from uuid import UUID

from redis.asyncio import Redis

from app.ingest.outage import redis_required

__all__ = ["Idempotency", "client_key", "name_of"]

# Returns for each key what was stored before, or false after storing the new id.
_CLAIM = """
local known = {}
for i, key in ipairs(KEYS) do
  local stored = redis.call('SET', key, ARGV[i + 1], 'NX', 'PX', ARGV[1])
  known[i] = not stored and redis.call('GET', key)
end
return known
"""
_KEYS_PER_CALL = 2_000


class Idempotency:
    """Maps a client's own record ids to minted trace ids for a bounded time.

    A key costs Redis about 120 bytes for the length of the window, so the window is a setting.
    """

    def __init__(self, redis: Redis, *, window_hours: int, secret: str | None = None) -> None:
        self._secret = secret
        self._script = redis.register_script(_CLAIM)
        self._window_ms = window_hours * 3_600_000

    async def claim(self, project_id: str, keys: Sequence[str], minted: Sequence[UUID]) -> list[UUID | None]:
        """Remember `minted[i]` under `keys[i]`; returns the earlier trace id where there was one.

        Raises Unavailable when Redis cannot be used.
        """
        names = [name_of(project_id, key, self._secret) for key in keys]
        known: list[UUID | None] = []
        with redis_required():
            for start in range(0, len(names), _KEYS_PER_CALL):
                part = slice(start, start + _KEYS_PER_CALL)
                found = await self._script(
                    keys=names[part], args=[self._window_ms, *(trace_id.bytes for trace_id in minted[part])]
                )
                known += [UUID(bytes=value) if value else None for value in found]
        return known


def name_of(project_id: str, key: str, secret: str | None) -> str:
    """Return where Redis keeps an id.

    With the privacy key as its secret nobody who reads Redis can try out which mail address an id was.
    """
    own = blake2b(secret.encode(), digest_size=32).digest() if secret else b""
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16, key=own).hexdigest()
    return f"llm-monitor:id:{project_id}:{digest}"


def client_key(given: str) -> str:
    """Return a client's own id so that it is never the one of a span, which begins with `otel:`."""
    return f"id:{given}" if given.startswith(("otel:", "id:")) else given
