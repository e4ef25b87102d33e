"""Records that were accepted lately and may not be stored yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from app.errors import NotFound
from app.schemas.ids import minted_at

__all__ = ["may_be_queued", "missing_trace"]

_UUID_VERSION = 7
_QUEUED_FOR = timedelta(hours=1)
_CLOCK_SKEW = timedelta(minutes=1)
_RETRY_SECONDS = 1


def may_be_queued(trace_id: UUID, now: datetime) -> bool:
    """Tell whether an id was made within the last hour. Its record may still be in the queue."""
    if trace_id.version != _UUID_VERSION:
        return False
    return now - _QUEUED_FOR <= minted_at(trace_id) <= now + _CLOCK_SKEW


def missing_trace(trace_id: UUID, now: datetime) -> NotFound:
    """Return the error for a trace that is not stored, with Retry-After when it may be soon."""
    if may_be_queued(trace_id, now):
        return NotFound(
            "This trace is not stored yet, or was never accepted; ask again shortly.",
            retry_after=_RETRY_SECONDS,
        )
    return NotFound("There is no trace with this id.")
