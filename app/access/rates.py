"""How often a key may send a request: a bucket in Redis that all processes share."""

from __future__ import annotations

import logging
import math
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import Overloaded

__all__ = ["Rates"]

logger = logging.getLogger(__name__)

_PREFIX: Final = "llm-monitor:rate:"
# The generic cell rate algorithm. Stored is the moment at which the bucket would be full again. A
# request is admitted while that moment is no further ahead than a full bucket lasts. The script
# returns 0, or the milliseconds until there is room.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + 60000 / tonumber(ARGV[1])
local size = tonumber(ARGV[2]) * 60000 / tonumber(ARGV[1])
if full - now > size then return math.ceil(full - now - size) end
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil(full - now))
return 0
"""

_GIVE_BACK: Final = """
local full, left = tonumber(redis.call('GET', KEYS[1]) or '0'), redis.call('PTTL', KEYS[1])
local share = 60000 / tonumber(ARGV[1])
if left > share then redis.call('SET', KEYS[1], string.format('%.3f', full - share), 'PX', math.ceil(left - share))
else redis.call('DEL', KEYS[1]) end
return 0
"""


class Rates:
    """Admits each name up to a number of times a minute.

    At once it admits all of them, or `burst`.
    """

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)
        self._give_back = redis.register_script(_GIVE_BACK)

    async def take(self, name: str, per_minute: int, burst: int | None = None) -> None:
        """Count one request; raises Overloaded, with the seconds to wait, when it is one too many.

        While Redis is away nothing is limited: without Redis records are refused anyway, and
        reading is allowed.
        """
        try:
            wait_ms = await self._take(keys=[f"{_PREFIX}{name}"], args=[per_minute, burst or per_minute])
        except (RedisError, OSError) as error:
            logger.warning("a rate could not be counted: %s", type(error).__name__)
            return
        if wait_ms:
            raise Overloaded(
                f"At most {per_minute} such requests per minute are accepted; try again later.",
                retry_after=math.ceil(wait_ms / 1000),
            )

    async def give_back(self, name: str, per_minute: int) -> None:
        """Take the count of one request of a name back, as long as Redis answers."""
        try:
            await self._give_back(keys=[f"{_PREFIX}{name}"], args=[per_minute])
        except (RedisError, OSError) as error:
            logger.warning("a rate could not be counted: %s", type(error).__name__)
