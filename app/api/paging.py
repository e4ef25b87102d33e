"""Pages of a list in the order of receipt, with cursors that mean nothing to a client."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.errors import InvalidParameter
from app.schemas.listed import ListedTrace

__all__ = ["TracePage", "page_of", "read_cursor", "write_cursor"]


class TracePage(msgspec.Struct, frozen=True):
    """Some traces, newest first, and the cursor of those that follow."""

    traces: tuple[ListedTrace, ...]
    next: str | None


def page_of(rows: Sequence[ListedTrace], limit: int) -> TracePage:
    """Return the first `limit` rows; one row more than that says that another page follows."""
    more = len(rows) > limit
    return TracePage(tuple(rows[:limit]), write_cursor(rows[limit - 1].trace_id) if more else None)


def write_cursor(trace_id: UUID) -> str:
    """Return the cursor of the page that follows a trace."""
    return base64.urlsafe_b64encode(trace_id.bytes).rstrip(b"=").decode()


def read_cursor(cursor: str | None) -> UUID | None:
    """Return the trace after which a page begins; raises InvalidParameter for what no page gave out."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.b64decode(cursor.encode() + b"==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        message = "this cursor is not one that a page gave out"
        raise InvalidParameter(
            f"cursor: {message}.", errors=[{"field": "cursor", "message": message}]
        ) from error
