"""The moment before which everything is stored, at which an export ends.

Ids hold the moment of acceptance, and the queue knows what it has not stored yet. So an export of
the calls that were accepted before such a moment finds the same calls whenever it reads them, while
others arrive. No transaction needs to stay open for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.queue import listed_jobs

__all__ = ["SETTLE_SECONDS", "find_cut"]

SETTLE_SECONDS: Final = 1.0
"""The time in which an accepted record reaches the queue."""
_PATIENCE_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.25
_RETRY_SECONDS: Final = 2


async def find_cut(
    redis: Redis,
    project_id: str,
    clock: Callable[[], datetime],
    *,
    settle_seconds: float = SETTLE_SECONDS,
    patience_seconds: float = _PATIENCE_SECONDS,
) -> datetime:
    """Return a moment, in whole milliseconds, before which every accepted record is stored.

    It is now, unless records of the project wait in the queue for longer than ten seconds. Then it
    is the moment at which the oldest of them was accepted. Raises Unavailable if the queue does not
    answer.
    """
    cut = oldest = _whole(clock())
    await asyncio.sleep(settle_seconds)
    for _ in range(max(1, round(patience_seconds / _AGAIN_SECONDS))):
        oldest = await _oldest(redis, project_id) or cut
        if oldest >= cut:
            return cut
        await asyncio.sleep(_AGAIN_SECONDS)
    return _whole(oldest - timedelta(seconds=SETTLE_SECONDS))


async def _oldest(redis: Redis, project_id: str) -> datetime | None:
    """Return when the oldest job of a project was made, None if none waits or runs."""
    try:
        moments = [job.enqueued_ms async for job in listed_jobs(redis) if job.name.project_id == project_id]
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable(
            "The queue does not answer, so it is unknown what is stored; try again shortly.",
            retry_after=_RETRY_SECONDS,
        ) from error
    return datetime.fromtimestamp(min(moments) / 1000, UTC) if moments else None


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
