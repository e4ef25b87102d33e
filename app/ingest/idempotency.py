"""The memory that gives a retried record the trace id of its first attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final
from uuid import UUID

from redis.asyncio import Redis

from app.ingest.outage import redis_required

__all__ = ["Idempotency", "client_key", "name_of"]

# Returns the earlier id for each key, or false after storing the new id. Counts the new ids of the
# project under the last key, which expires with them.
_CLAIM = """
local known, counts, new = {}, KEYS[#KEYS], 0
for i = 1, #KEYS - 1 do
  local stored = redis.call('SET', KEYS[i], ARGV[i + 3], 'NX', 'PX', ARGV[1])
  known[i] = not stored and redis.call('GET', KEYS[i])
  if stored then new = new + 1 end
end
if new > 0 then
  redis.call('HINCRBY', counts, ARGV[2], new)
  redis.call('PEXPIREAT', counts, ARGV[3])
end
return known
"""
_KEYS_PER_CALL = 2_000
# Exporters of spans give up a batch after five minutes (OTEL_EXPORTER_OTLP_TIMEOUT and the
# collector's `max_elapsed_time` by default). Each span has an id, so that remembering them for a
# day filled Redis.
_SPAN_HOURS = 1
# Counts expire after the last of the ids that they count, at most an eighth of the window later.
_PARTS: Final = 8


class Idempotency:
    """Maps a client's own record ids to trace ids for `window_hours`, and ids of spans for an hour.

    A key costs Redis about 125 bytes for the length of the window. So the window is a setting, and
    ids are counted by project. `clock` returns Unix milliseconds.
    """

    def __init__(
        self, redis: Redis, *, window_hours: int, clock: Callable[[], int], secret: str | None = None
    ) -> None:
        self._redis = redis
        self._secret = secret
        self._script = redis.register_script(_CLAIM)
        self._window_hours = window_hours
        self._clock = clock

    async def claim(
        self, project_id: str, keys: Sequence[str], minted: Sequence[UUID], *, of_spans: bool = False
    ) -> list[UUID | None]:
        """Remember `minted[i]` under `keys[i]`; returns the earlier trace id where there was one.

        Raises Unavailable when Redis cannot be used.
        """
        names = [name_of(project_id, key, self._secret) for key in keys]
        hours = min(_SPAN_HOURS, self._window_hours) if of_spans else self._window_hours
        part_ms = _milliseconds(hours) // _PARTS
        number = self._clock() // part_ms + _PARTS + 1
        settled: list[int | str | bytes] = [_milliseconds(hours), project_id, number * part_ms]
        known: list[UUID | None] = []
        with redis_required():
            for start in range(0, len(names), _KEYS_PER_CALL):
                part = slice(start, start + _KEYS_PER_CALL)
                found = await self._script(
                    keys=[*names[part], _counts_key(hours, number)],
                    args=[*settled, *(trace_id.bytes for trace_id in minted[part])],
                )
                known += [UUID(bytes=value) if value else None for value in found]
        return known

    async def find(self, project_id: str, key: str) -> UUID | None:
        """Return the trace id that is remembered under a key; raises Unavailable without Redis."""
        with redis_required():
            found = await self._redis.get(name_of(project_id, key, self._secret))
        return UUID(bytes=found) if found else None

    async def count(self) -> Mapping[str, int]:
        """Return the number of remembered ids of each project, or slightly more.

        Raises redis errors.
        """
        now_ms = self._clock()
        async with self._redis.pipeline(transaction=False) as pipe:
            for hours in {self._window_hours, min(_SPAN_HOURS, self._window_hours)}:
                current = now_ms * _PARTS // _milliseconds(hours)
                for number in range(current, current + _PARTS + 2):
                    pipe.hgetall(_counts_key(hours, number))
            counted = await pipe.execute()
        total: Counter[str] = Counter()
        for counts in counted:
            for project_id, ids in counts.items():
                total[project_id.decode()] += int(ids)
        return total


def name_of(project_id: str, key: str, secret: str | None) -> str:
    """Return the Redis key of an id.

    With the privacy key as `secret`, a reader of Redis cannot find out by trying which mail address
    an id was.
    """
    own = blake2b(secret.encode(), digest_size=32).digest() if secret else b""
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16, key=own).hexdigest()
    return f"llm-monitor:id:{project_id}:{digest}"


def client_key(given: str) -> str:
    """Return a client's own id in a form that no span's id has: those begin with `otel:`."""
    return f"id:{given}" if given.startswith(("otel:", "id:")) else given


def _milliseconds(hours: int) -> int:
    return hours * 3_600_000


def _counts_key(hours: int, number: int) -> str:
    return f"llm-monitor:ids:{hours}:{number}"
