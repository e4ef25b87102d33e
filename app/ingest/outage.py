"""Errors of Redis as clients see them: one error that says when to send a request again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError

from app.errors import MonitorError, StorageFull, Unavailable

__all__ = ["RETRY_SECONDS", "redis_required"]

RETRY_SECONDS = 2
_FULL_RETRY_SECONDS = 10
# The words with which Redis refuses to write. Before version 7 they stand inside of its answer,
# where a script was refused.
_REFUSED = re.compile(r"(?:^|@user_script:\s*\d+: -?)(OOM|READONLY|MISCONF)\b")


@contextmanager
def redis_required() -> Iterator[None]:
    """Turn any failure to reach or use Redis into Unavailable or StorageFull with Retry-After."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise _refused(error) or Unavailable(
            "The queue does not answer now, and this request was perhaps not stored; send it again shortly. "
            "What was sent with an id or an Idempotency-Key counts once.",
            retry_after=RETRY_SECONDS,
        ) from error


def _refused(error: RedisError | OSError) -> MonitorError | None:
    """Return the error for a Redis that answers but accepts nothing; None if it was not reached."""
    found = _REFUSED.search(str(error))
    refused = found[1] if found else ""
    if refused == "OOM" or isinstance(error, OutOfMemoryError):
        return Unavailable(
            "Redis has used its maxmemory; nothing was accepted. Send it again later, or give Redis more memory.",
            retry_after=_FULL_RETRY_SECONDS,
        )
    if refused == "READONLY" or isinstance(error, ReadOnlyError):
        return Unavailable(
            "REDIS_URL leads to a replica, which accepts nothing; send it again when a primary answers there.",
            retry_after=RETRY_SECONDS,
        )
    # Redis cannot write its file. It accepts nothing until it can.
    if refused == "MISCONF":
        return StorageFull(
            "Redis cannot write to its disk; nothing was accepted. Make room on that disk, and send it again later.",
            retry_after=_FULL_RETRY_SECONDS,
        )
    return None
