"""Redis trouble seen from the outside: one error that tells a client when to come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError

from app.errors import MonitorError, StorageFull, Unavailable

__all__ = ["RETRY_SECONDS", "redis_required"]

RETRY_SECONDS = 2
_FULL_RETRY_SECONDS = 10
# Redis begins with these words when it cannot write its file; it takes nothing until it can.
_CANNOT_SAVE = "MISCONF"


@contextmanager
def redis_required() -> Iterator[None]:
    """Turn any failure to reach or use Redis into Unavailable or StorageFull with Retry-After."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise _refused(error) or Unavailable(
            "The queue does not answer now, and this request was perhaps not kept; send it again shortly. "
            "What was sent with an id or an Idempotency-Key counts once.",
            retry_after=RETRY_SECONDS,
        ) from error


def _refused(error: RedisError | OSError) -> MonitorError | None:
    """Return what a Redis says that is there and takes nothing; None when it was not reached."""
    if isinstance(error, OutOfMemoryError):
        return Unavailable(
            "Redis has used its maxmemory; nothing was taken, send it again later, or give Redis more memory.",
            retry_after=_FULL_RETRY_SECONDS,
        )
    if isinstance(error, ReadOnlyError):
        return Unavailable(
            "REDIS_URL leads to a replica, which takes nothing; send it again when a primary answers there.",
            retry_after=RETRY_SECONDS,
        )
    if str(error).startswith(_CANNOT_SAVE):
        return StorageFull(
            "Redis cannot write to its disk; nothing was taken. Make room on that disk, and send it again later.",
            retry_after=_FULL_RETRY_SECONDS,
        )
    return None
