"""How often a key may ask: a bucket in Redis that all processes share."""

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
# The generic cell rate algorithm: kept is the moment at which the bucket would be full again, and a request is let
# in while that lies no further ahead than the whole bucket lasts. Returns 0, or the milliseconds until there is room.
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
    """Lets each name in so many times a minute; a whole minute's worth may come at once, or `burst` of them."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)
        self._give_back = redis.register_script(_GIVE_BACK)

    async def take(self, name: str, per_minute: int, burst: int | None = None) -> None:
        """Count one request; raises Overloaded, with the seconds to wait, when it is one too many.

        While Redis is away nothing is limited: it refuses records by itself, and readers may read.
        """
        try:
            wait_ms = await self._take(keys=[f"{_PREFIX}{name}"], args=[per_minute, burst or per_minute])
        except (RedisError, OSError) as error:
            logger.warning("a rate could not be counted: %s", type(error).__name__)
            return
        if wait_ms:
            raise Overloaded(
                f"No more than {per_minute} of these a minute are taken; try again later.",
                retry_after=math.ceil(wait_ms / 1000),
            )

    async def give_back(self, name: str, per_minute: int) -> None:
        """Count one request of a name as if it had not been, as long as Redis answers."""
        try:
            await self._give_back(keys=[f"{_PREFIX}{name}"], args=[per_minute])
        except (RedisError, OSError) as error:
            logger.warning("a rate could not be counted: %s", type(error).__name__)
