"""Dividing a body of many records into its lines, slice by slice, without building any of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from app.errors import MalformedBody
from app.schemas.json_input import (
    NotJsonError,
    WrongShapeError,
    check_values,
    find_end_of_text,
    read_any,
    reader,
    skip_mark,
)
from app.schemas.limits import MOST_RECORDS, MOST_VALUES, check_records, too_many

__all__ = ["cut_array", "cut_ndjson", "scan"]

_SLICE: Final = 256 * 1024
_BLANK: Final = b" \t\r\n"
_LONGEST_MARK: Final = 8  # with blanks; several marks of empty files in a row may be longer
_CLOSING: Final = {ord("["): ord("]"), ord("{"): ord("}")}
_QUOTE, _COMMA, _END = b'",]'
_AT_TOP = re.compile(rb'[\[\]{},"]')
_INSIDE = re.compile(rb'[\[\]{}"]')
# No record has more than two texts and two brackets for each value.
_MOST_TOKENS: Final = 4 * MOST_VALUES
_read_list = reader(list[msgspec.Raw])


def cut_ndjson(body: bytes) -> list[bytes]:
    """Return the lines of NDJSON without blank ones.

    Raises BodyTooLarge for too many lines of any kind. A line with only a byte order mark, such as
    an empty file has, is blank.
    """
    lines = body.split(b"\n", MOST_RECORDS)  # it stops at this number, so that the rest costs nothing
    check_records(len(lines) - (not lines[-1]), "lines")
    _check_values(body)
    return [
        line
        for line in lines
        if line and not line.isspace() and (len(line) > _LONGEST_MARK or skip_mark(line).strip())
    ]


def cut_array(body: bytes) -> list[bytes]:
    """Return the elements of a JSON array as they were written, even those that are not JSON.

    Raises MalformedBody for a body that is not an array or has unclosed elements, BodyTooLarge for
    too many elements.
    """
    _check_values(body)
    lines: list[bytes] = []
    for element in _elements(body):
        lines.append(element)
        check_records(len(lines), "records")
    return lines


def _check_values(body: bytes) -> None:
    if not check_values(body, MOST_VALUES):
        raise too_many("values", MOST_VALUES)


def _elements(body: bytes) -> Iterator[bytes]:
    begin = len(body) - len(body.lstrip(_BLANK))
    if body[begin : begin + 1] != b"[":
        _refuse(body)
    position, size = begin + 1, _SLICE
    while True:
        # If a slice can be read as a whole array, it ends where an element ends, because everything
        # before it was read too.
        last = len(body) - position <= size
        end = body.rfind(b"},", position, position + size) + 1 or body.rfind(b",", position, position + size)
        if not last and end <= position:
            size *= 2
            continue
        part = b"[" + (body[position:] if last else body[position:end] + b"]")
        try:
            elements = _read_list(part)
        except (NotJsonError, WrongShapeError):
            if last:
                yield from (element for element, _ in scan(body, position, whole=True))
                return
            size *= 2  # the end was found inside a text, or the JSON is wrong
            continue
        yield from map(bytes, elements)
        if last:
            return
        position, size = end + 1, _SLICE


def _refuse(body: bytes) -> None:
    try:
        read_any(body[:_SLICE])
    except NotJsonError as error:
        raise MalformedBody(f"The body is not valid JSON: {error}.") from error
    except WrongShapeError:
        pass
    raise MalformedBody("The body must be a JSON array of records.")


def scan(body: bytes, position: int, *, whole: bool) -> Iterator[tuple[bytes, int]]:
    """Yield elements by brackets and quotes only, from the start of one to the end of the array.

    Each comes with the position after its comma, or after the end of the array. Raises
    MalformedBody where an element or the array is not closed; not `whole`, it just ends there.
    """
    marks, start, open_ends = _Marks(body, position), position, bytearray()
    while (at := marks.find(_INSIDE if open_ends else _AT_TOP)) >= 0:
        mark = body[at]
        if mark in _CLOSING:
            open_ends.append(_CLOSING[mark])
        elif open_ends:
            if mark != open_ends.pop():
                break
        elif mark in {_COMMA, _END}:
            element = body[start:at].strip(_BLANK)
            if not element:
                break
            yield element, at + 1
            start = at + 1
            if mark == _END and not body[start:].strip(_BLANK):
                return
            if mark == _END:
                break
    if whole:
        raise MalformedBody(
            "The body is not a JSON array of records: a string, an element or the array is not closed."
        )


class _Marks:
    """Finds brackets and commas of a body outside of texts, from a position on, up to a number."""

    def __init__(self, body: bytes, position: int) -> None:
        self._body = body
        self._position = position
        self._left = _MOST_TOKENS

    def find(self, wanted: re.Pattern[bytes]) -> int:
        """Return where the next mark is; -1 if there is none or a text is not closed."""
        while self._left > 0 and (found := wanted.search(self._body, self._position)):
            self._left -= 1
            at = found.start()
            if self._body[at] != _QUOTE:
                self._position = at + 1
                return at
            self._position = find_end_of_text(self._body, at)
            if self._position < 0:
                break
        return -1
