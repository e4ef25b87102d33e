"""Cutting a body of many records into its lines, slice by slice, without building any of them."""

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

__all__ = ["cut_array", "cut_ndjson"]

_SLICE: Final = 256 * 1024
_BLANK: Final = b" \t\r\n"
_LONGEST_MARK: Final = 8  # with blanks; of more than one only those of empty files in a row are as long
_CLOSING: Final = {ord("["): ord("]"), ord("{"): ord("}")}
_QUOTE, _COMMA, _END = b'",]'
_AT_TOP = re.compile(rb'[\[\]{},"]')
_INSIDE = re.compile(rb'[\[\]{}"]')
# Two texts and two brackets for each value are more than any record has.
_MOST_TOKENS: Final = 4 * MOST_VALUES
_read_list = reader(list[msgspec.Raw])


def cut_ndjson(body: bytes) -> list[bytes]:
    """Return the lines of NDJSON but blank ones; raises BodyTooLarge for too many lines, blank ones included.

    A line of a byte order mark alone, such as an empty file has, is blank.
    """
    lines = body.split(b"\n", MOST_RECORDS)  # which stops there, so that the rest costs nothing
    check_records(len(lines) - (not lines[-1]), "lines")
    _check_values(body)
    return [
        line
        for line in lines
        if line and not line.isspace() and (len(line) > _LONGEST_MARK or skip_mark(line).strip())
    ]


def cut_array(body: bytes) -> list[bytes]:
    """Return the elements of a JSON array as they were written, also such as are no JSON themselves.

    Raises MalformedBody for what is no array or has elements without an end, BodyTooLarge for too many.
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
        # A slice that reads as a whole array ended where an element ends, for all before it was read too.
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
                yield from _scan(body, position)
                return
            size *= 2  # the end that was found lay inside a text, or something is wrong
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


def _scan(body: bytes, position: int) -> Iterator[bytes]:
    """Yield elements by brackets and quotes alone, from the beginning of one to the end of the array."""
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
            yield element
            start = at + 1
            if mark == _END and not body[start:].strip(_BLANK):
                return
            if mark == _END:
                break
    raise MalformedBody("The body is no JSON array of records: a text, an element or the array has no end.")


class _Marks:
    """Finds the brackets and commas of a body outside of texts, from one position on and so many."""

    def __init__(self, body: bytes, position: int) -> None:
        self._body = body
        self._position = position
        self._left = _MOST_TOKENS

    def find(self, wanted: re.Pattern[bytes]) -> int:
        """Return where the next mark is, -1 where there is none or a text has no end."""
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
