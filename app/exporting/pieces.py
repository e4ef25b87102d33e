"""One piece of an export: its rows, and where the next piece begins."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from app.errors import InvalidParameter
from app.exporting.cursors import Place
from app.exporting.turns import Ask
from app.exporting.walking import FIRST, find_end, read_lines
from app.schemas.ids import first_id, minted_at
from app.storage.rollups.exporting import Bucket, ExportedRollups, find_buckets, read_bucket
from app.storage.traces.exporting import Exported
from app.storage.traces.filtering import LATEST_AHEAD

__all__ = ["Piece", "piece_of_calls", "piece_of_rollups"]

_SEARCH_SECONDS: Final = 5.0
_BUCKETS: Final = 1_000


class Piece(NamedTuple):
    """Rows of an export, as pieces of lines of JSON.

    `next` is the place after them, None at the end of the export, and `share` (0..1) how much of
    its time is behind them. `calls` is the number of calls, None where they were not counted.
    """

    lines: AsyncIterator[bytes]
    next: Place | None
    share: float = 1.0
    calls: int | None = None


async def piece_of_calls(ask: Ask[Any], exported: Exported, place: Place, limit: int | None) -> Piece:
    """Return the rows about `limit` calls (None: all) after a place."""
    after = _id_of(place.after) if place.after else _first(place.start)
    if limit is None:
        return Piece(read_lines(ask, exported, after, None), None)
    end = await find_end(ask, exported, after, limit, time.monotonic, _SEARCH_SECONDS)
    lines = read_lines(ask, exported, after, end.last)
    if end.last is None:
        return Piece(lines, None, calls=end.calls)
    begin = min(place.begin, minted_at(end.first)) if end.first and not place.after else place.begin
    following = msgspec.structs.replace(place, after=str(end.last), begin=begin)
    return Piece(lines, following, following.share(minted_at(end.last)), end.calls)


async def piece_of_rollups(
    ask: Ask[Any], exported: ExportedRollups, place: Place, limit: int | None
) -> Piece:
    """Return the rows of `limit` buckets (None: all) after a place."""
    after = _bucket_of(place.after) if place.after else None
    if limit is None:
        return Piece(_read_buckets(ask, exported, after, None), None)
    most = min(limit, _BUCKETS)
    found: list[Bucket] = await ask(partial(find_buckets, exported=exported, after=after, most=most + 1))
    last = found[most - 1] if len(found) > most else None
    lines = _read_buckets(ask, exported, after, last)
    if last is None:
        return Piece(lines, None)
    following = msgspec.structs.replace(place, after=f"{last.dimension}\n{last.start.isoformat()}")
    return Piece(lines, following, following.share(last.start))


async def _read_buckets(
    ask: Ask[Any], exported: ExportedRollups, after: Bucket | None, last: Bucket | None
) -> AsyncIterator[bytes]:
    while found := await ask(partial(find_buckets, exported=exported, after=after, most=_BUCKETS)):
        for bucket in found:
            if rows := await ask(partial(read_bucket, exported=exported, bucket=bucket)):
                yield b"\n".join((*rows, b""))
            if bucket == last:
                return
        after = found[-1]


def _first(start: datetime | None) -> UUID:
    """Return an id before those of all calls since a moment. A call may be named a day ahead."""
    return FIRST if start is None else first_id(start - LATEST_AHEAD)


def _id_of(after: str) -> UUID:
    try:
        return UUID(after)
    except ValueError as error:
        raise _unknown() from error


def _bucket_of(after: str) -> Bucket:
    dimension, _, start = after.rpartition("\n")
    try:
        moment = datetime.fromisoformat(start)
    except ValueError as error:
        raise _unknown() from error
    if moment.tzinfo is None or "\0" in dimension:
        raise _unknown()
    return Bucket(dimension, moment)


def _unknown() -> InvalidParameter:
    message = "this cursor is not one that an export gave out"
    return InvalidParameter(f"cursor: {message}.", errors=[{"field": "cursor", "message": message}])
