"""Redis trouble seen from the outside: one error that tells a client when to come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from app.errors import Unavailable

__all__ = ["RETRY_SECONDS", "redis_required"]

RETRY_SECONDS = 2


@contextmanager
def redis_required() -> Iterator[None]:
    """Turn any failure to reach or use Redis into Unavailable with Retry-After."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable(
            "The queue does not answer now, and this request was perhaps not kept; send it again shortly. "
            "What was sent with an id or an Idempotency-Key counts once.",
            retry_after=RETRY_SECONDS,
        ) from error
