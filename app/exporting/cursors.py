"""Places in an export: where it ends, and where it goes on.

A cursor holds everything that fixes the rows of an export, so that each of its pieces continues
the same one: the moment of its cut, the period of its calls, and the place of the last row.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from app.errors import InvalidParameter

__all__ = ["LONGEST_CURSOR", "Place", "question_of", "read_place", "write_place"]

LONGEST_CURSOR: Final = 1_024
_DIGEST_BYTES: Final = 9


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A place in the export of one question, and what is fixed since its beginning.

    `cut` is the moment before which everything counts. `start` and `end` are the period of the
    calls, None if it is open. `begin` is where the export began, for telling its progress. `after`
    is the last place that was written: an id, or for rollups a dimension and the start of a bucket.
    """

    question: bytes
    cut: datetime
    begin: datetime
    start: datetime | None = None
    end: datetime | None = None
    after: str = ""

    def share(self, reached: datetime) -> float:
        """Return the share (0..1) of the time of this export that is behind a moment."""
        whole = (self.cut - self.begin).total_seconds()
        return min(1.0, max(0.0, (reached - self.begin).total_seconds() / whole)) if whole > 0 else 1.0


_decode = msgspec.msgpack.Decoder(Place).decode


def question_of(parameters: Mapping[str, Any]) -> bytes:
    """Return a digest of what was asked, so that a cursor continues no other export."""
    told = msgspec.json.encode(parameters, order="deterministic")
    return blake2b(told, digest_size=_DIGEST_BYTES).digest()


def write_place(place: Place) -> str:
    """Return the cursor of a place."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).rstrip(b"=").decode()


def read_place(cursor: str, question: bytes) -> Place:
    """Return the place of a cursor.

    Raises InvalidParameter if no export gave it out, or one with other parameters.
    """
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        place = _decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, msgspec.MsgspecError) as error:
        raise _refused("this cursor is not one that an export gave out") from error
    aware = all(
        moment is None or moment.tzinfo for moment in (place.cut, place.begin, place.start, place.end)
    )
    if not aware:
        raise _refused("this cursor is not one that an export gave out")
    if place.question != question:
        raise _refused("this cursor belongs to an export with other parameters; give the same ones again")
    return place


def _refused(message: str) -> InvalidParameter:
    return InvalidParameter(f"cursor: {message}.", errors=[{"field": "cursor", "message": message}])
