"""Pages of a list in the order of receipt. Clients need not understand their cursors."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from app.errors import InvalidParameter
from app.schemas.ids import minted_at
from app.schemas.listed import ListedTrace

__all__ = [
    "Place",
    "TracePage",
    "page_of",
    "read_cursor",
    "read_number",
    "read_place",
    "write_cursor",
    "write_number",
    "write_place",
]

Place = tuple[datetime, UUID]
"""Where a page of spans ends: the moment at which its last span began, and the id of that span."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PLACE = struct.Struct(">q16s")
_NUMBER = struct.Struct(">I")


class TracePage(msgspec.Struct, frozen=True):
    """Some traces, newest first, and the cursor of those that follow.

    `searched_until` is null unless a search for a text ended before the page was full. Then only
    texts that were received at that moment or later were searched, and the cursor goes on.
    """

    traces: tuple[ListedTrace, ...]
    next: str | None
    searched_until: datetime | None = None


def page_of(rows: Sequence[ListedTrace], limit: int, searched_to: UUID | None = None) -> TracePage:
    """Return the first `limit` rows. One row more than `limit` means that another page follows.

    With fewer rows, the search for a text ended at the id `searched_to`, if there is one.
    """
    if len(rows) > limit:
        return TracePage(tuple(rows[:limit]), write_cursor(rows[limit - 1].trace_id))
    if searched_to is None:
        return TracePage(tuple(rows), None)
    return TracePage(tuple(rows), write_cursor(searched_to), minted_at(searched_to))


def write_cursor(trace_id: UUID) -> str:
    """Return the cursor of the page that follows a trace."""
    return base64.urlsafe_b64encode(trace_id.bytes).rstrip(b"=").decode()


def read_cursor(cursor: str | None) -> UUID | None:
    """Return the trace after which a page begins; raises InvalidParameter for an invalid cursor."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=_decode(cursor))
    except (ValueError, binascii.Error) as error:
        raise _unknown() from error


def write_place(moment: datetime, trace_id: UUID) -> str:
    """Return the cursor of the page that follows a span."""
    packed = _PLACE.pack((moment - _EPOCH) // _MICROSECOND, trace_id.bytes)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_place(cursor: str | None) -> Place | None:
    """Return the span after which a page begins; raises InvalidParameter for an invalid cursor."""
    if cursor is None:
        return None
    try:
        microseconds, trace_id = _PLACE.unpack(_decode(cursor))
        return _EPOCH + timedelta(microseconds=microseconds), UUID(bytes=trace_id)
    except (ValueError, OverflowError, struct.error, binascii.Error) as error:
        raise _unknown() from error


def write_number(number: int) -> str:
    """Return the cursor of the page that follows the item of a number."""
    return base64.urlsafe_b64encode(_NUMBER.pack(number)).rstrip(b"=").decode()


def read_number(cursor: str | None) -> int:
    """Return the number of the item after which a page begins; raises InvalidParameter."""
    if cursor is None:
        return 0
    try:
        (number,) = _NUMBER.unpack(_decode(cursor))
    except (ValueError, struct.error, binascii.Error) as error:
        raise _unknown() from error
    return int(number)


def _decode(cursor: str) -> bytes:
    return base64.b64decode(cursor.encode() + b"==", altchars=b"-_", validate=True)


def _unknown() -> InvalidParameter:
    message = "this cursor is not one that a page gave out"
    return InvalidParameter(f"cursor: {message}.", errors=[{"field": "cursor", "message": message}])
