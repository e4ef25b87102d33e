"""Reading the rows of a body as records. What cannot be read is counted and listed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Final, NamedTuple, Protocol

from app.errors import BodyTooLarge
from app.schemas.records import Rejection, read_line
from app.uploading.rows import Row, Rows
from monitoring.models import Record

__all__ = ["MOST_ITEMS", "MOST_LISTED", "Items", "Reading", "read_items"]

MOST_ITEMS: Final = 1_000_000
"""Items of one evaluation, refused ones included."""
MOST_LISTED: Final = 1_000
"""Refused items that are listed; the others are counted."""
_PIECE: Final = 256 * 1024

Work = Callable[[], "Items"]


class Threads(Protocol):
    """What does work beside the event loop."""

    def __call__(self, content: bytes, work: Work) -> Awaitable[Items]:
        """Return the result of work on a piece of a body."""
        ...


class Items(NamedTuple):
    """Records in their order, each with its line and its bytes."""

    records: list[tuple[int, Record, int]]


class Reading:
    """Reads one body: how many items it had so far, and which were refused."""

    def __init__(self, rows: Rows, most: int = MOST_ITEMS) -> None:
        self._rows = rows
        self._most = most
        self.items = 0
        self.rejected = 0
        self.errors: list[Rejection] = []

    def feed(self, piece: bytes) -> Items:
        """Return the records that end in a piece; raises BodyTooLarge for too many items."""
        return self._read(self._rows.feed(piece))

    def finish(self) -> Items:
        """Return the last records; raises MalformedBody for a body that is not whole."""
        return self._read(self._rows.finish())

    def reject(self, line: int, field: str | None, message: str) -> None:
        """Count an item that is refused."""
        self.rejected += 1
        if len(self.errors) < MOST_LISTED:
            self.errors.append(Rejection(line, field, message))

    def _read(self, rows: Iterable[Row]) -> Items:
        found: list[tuple[int, Record, int]] = []
        for row in rows:
            self.items += 1
            if self.items > self._most:
                raise BodyTooLarge(
                    f"One evaluation takes at most {self._most} items, and nothing was accepted: "
                    "send them as several evaluations."
                )
            if row.problem is not None:
                self.reject(row.line, None, row.problem)
                continue
            record = read_line(row.line, row.content)
            if isinstance(record, Rejection):
                self.reject(*record)
            else:
                found.append((row.line, record, len(row.content)))
        return Items(found)


async def read_items(body: AsyncIterator[bytes], reading: Reading, beside: Threads) -> AsyncGenerator[Items]:
    """Yield the records of a body while it comes, read `beside` the event loop."""
    pieces: list[bytes] = []
    size = 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size >= _PIECE:
            content = b"".join(pieces)
            pieces, size = [], 0
            yield await beside(content, partial(reading.feed, content))
    rest = b"".join(pieces)
    if rest:
        yield await beside(rest, partial(reading.feed, rest))
    yield await beside(b"", reading.finish)
