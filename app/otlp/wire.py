"""The wire format of protobuf, walked by its lengths: what an export holds, before anything is built from it.

Protobuf's own parser builds all of a body or nothing. Here a body is cut into its spans, log records or metrics,
so that they are counted first and each is parsed by itself: one that cannot be read costs itself alone.
The encoding is that of https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from app.schemas.limits import MOST_RECORD_VALUES, MOST_RECORDS, MOST_VALUES, check_records, too_many

__all__ = [
    "LOG",
    "METRIC",
    "RESOURCE",
    "SCOPE",
    "SPAN",
    "BrokenFrameError",
    "Item",
    "Shape",
    "check_values",
    "cut",
    "is_too_large",
]

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BYTES, _LAST_BYTE = 10, 0x7F
_NO_MESSAGE = -1
_SMALLEST_MESSAGE = 2  # a tag and a length of zero
_SLICE: Final = 1024 * 1024
# Around an item lie a resource, a scope, two addresses of schemas and two groups.
_MOST_FRAMES: Final = 6 * MOST_RECORDS
# An attribute is two messages here, and four marks of values in JSON.
_MOST_MESSAGES: Final = MOST_VALUES // 2
# A message may have some fields that are none themselves.
_FIELDS_PER_MESSAGE = 3

Shape = dict[int, "Shape"]
"""Which fields of a message hold messages, and their shapes: field numbers of opentelemetry-proto 1.x."""

_ANY_VALUE: Shape = {}
_PAIR: Shape = {2: _ANY_VALUE}
_ANY_VALUE.update({5: {1: _ANY_VALUE}, 6: {1: _PAIR}})
_EXEMPLAR: Shape = {7: _PAIR}
_POINT: Shape = {5: _EXEMPLAR, 6: {}, 7: _PAIR, 8: _EXEMPLAR, 9: _PAIR, 11: _EXEMPLAR}
SPAN: Final[Shape] = {9: _PAIR, 11: {3: _PAIR}, 13: {4: _PAIR}}
LOG: Final[Shape] = {5: _ANY_VALUE, 6: _PAIR}
RESOURCE: Final[Shape] = {1: _PAIR, 3: {}}
SCOPE: Final[Shape] = {3: _PAIR}
METRIC: Final[Shape] = {**{number: {1: _POINT} for number in (5, 7, 9, 10, 11)}, 12: _PAIR}


class BrokenFrameError(ValueError):
    """Bytes whose lengths do not add up."""


class Item(NamedTuple):
    """One span, log record or metric with its scope and resource, all still encoded."""

    content: bytes
    scope: bytes
    resource: bytes


def cut(body: bytes, what: str) -> list[Item]:
    """Return the items of an export request in their order; requests of all signals have one shape down to them.

    `what` names the items in a refusal. Raises BrokenFrameError, and BodyTooLarge where there are too many,
    which is known before any of them is copied.
    """
    frames = _Frames(body, what)
    places: list[tuple[int, int, bytes, bytes]] = []
    for resources in frames.find(0, len(body), 1):
        resource = frames.join(*resources, 1)
        for scopes in frames.find(*resources, 2):
            items = frames.find(*scopes, 2)
            check_records(len(places) + len(items), what)
            scope = frames.join(*scopes, 1)
            places += [(begin, end, scope, resource) for begin, end in items]
    return [Item(body[begin:end], scope, resource) for begin, end, scope, resource in places]


class _Frames:
    """The messages around the items of one body, of which it reads so many and not more."""

    def __init__(self, body: bytes, what: str) -> None:
        self._body = body
        self._what = what
        self._left = _MOST_FRAMES

    def find(self, begin: int, end: int, wanted: int) -> list[tuple[int, int]]:
        """Return where each value of a field lies."""
        found: list[tuple[int, int]] = []
        seen = 0
        for number, first, last in _fields(self._body, begin, end):
            seen += 1
            if number == wanted:
                found.append((first, last))
                if len(found) > MOST_RECORDS:
                    raise too_many(self._what, MOST_RECORDS)
            elif seen > self._left:
                break
        self._left -= seen
        if self._left < 0:
            raise too_many("fields around its records", _MOST_FRAMES)
        return found

    def join(self, begin: int, end: int, wanted: int) -> bytes:
        """Return the values of a field end to end, as protobuf reads one that comes more than once."""
        return b"".join([self._body[first:last] for first, last in self.find(begin, end, wanted)])


def check_values(body: bytes, items: list[Item], shape: Shape) -> None:
    """Raise BodyTooLarge where the items of a body hold more values in all than a request may.

    Only a large body can; then bytes that may begin a value are counted, and values where that is too many.
    """
    if len(body) <= _SMALLEST_MESSAGE * _MOST_MESSAGES:
        return
    others = bytes(set(range(256)) - _tags(shape, []))
    starts = range(0, len(body), _SLICE)  # so that other threads get their turn
    if sum(len(body[start : start + _SLICE].translate(None, others)) for start in starts) <= _MOST_MESSAGES:
        return
    left = _MOST_MESSAGES
    for item in items:
        left -= _count(item.content, shape, min(left, MOST_RECORD_VALUES))
        if left < 0:
            raise too_many("values", _MOST_MESSAGES)


def is_too_large(content: bytes, shape: Shape) -> bool:
    """Tell whether an item, or what describes it, holds more values than one may."""
    return (
        len(content) > _SMALLEST_MESSAGE * MOST_RECORD_VALUES
        and _count(content, shape, MOST_RECORD_VALUES) > MOST_RECORD_VALUES
    )


def _tags(shape: Shape, seen: list[Shape]) -> set[int]:
    if any(shape is one for one in seen):
        return set()
    seen.append(shape)
    inner = [_tags(one, seen) for one in shape.values()]
    return {number << 3 | _DELIMITED for number in shape}.union(*inner)


def _count(content: bytes, shape: Shape, most: int) -> int:
    """Return how many messages a message holds, at most one above `most`; other fields count as a third of one."""
    waiting = [(0, len(content), shape)]
    messages = fields = 0
    most_fields = _FIELDS_PER_MESSAGE * most
    while waiting:
        begin, end, kind = waiting.pop()
        with suppress(BrokenFrameError):  # it will not be parsed, but what stands before it may be
            for number, first, last in _fields(content, begin, end):
                fields += 1
                if number in kind:
                    messages += 1
                    if first < last:
                        waiting.append((first, last, kind[number]))
                if messages > most or fields > most_fields:
                    return most + 1
    return max(messages, fields // _FIELDS_PER_MESSAGE)


def _fields(content: bytes, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each field, and where its bytes begin and end where it is delimited."""
    position = begin
    while position < end:
        tag, position = content[position], position + 1
        if tag > _LAST_BYTE:
            tag, position = _varint(content, position - 1, end)
        number, kind = tag >> 3, tag & 7
        first = position
        if kind == _DELIMITED:
            length, first = _varint(content, position, end)
            position = first + length
        elif kind == _VARINT:
            position = _varint(content, position, end)[1]
        elif kind in _FIXED:
            position += _FIXED[kind]
        else:
            raise BrokenFrameError("a field has no kind that is known")
        if position > end or not number:
            raise BrokenFrameError("a field goes beyond its message")
        yield (number if kind == _DELIMITED else _NO_MESSAGE), first, position


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    found = shift = 0
    for at in range(position, min(end, position + _VARINT_BYTES)):
        byte = content[at]
        found |= (byte & 0x7F) << shift
        if byte <= _LAST_BYTE:
            return found, at + 1
        shift += 7
    raise BrokenFrameError("a number has no end")
