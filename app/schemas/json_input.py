"""Reading JSON from clients with msgspec. Every fault becomes one of two errors.

All bytes from clients are decoded here. msgspec reports faults at different moments: a wrong field
before a syntax error that follows it, invalid UTF-8 when a text is built, and depth when Python's
stack ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json import detect_encoding
from typing import Any, Final, TypeVar

import msgspec

from app.schemas.whole_numbers import with_whole_numbers

__all__ = [
    "FAULTS",
    "NotJsonError",
    "WrongShapeError",
    "check_values",
    "convert",
    "find_encoding",
    "find_end_of_text",
    "mend_unicode",
    "read_any",
    "read_mended",
    "reader",
    "skip_mark",
]

Kind = TypeVar("Kind")

FAULTS: Final = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
"""The errors of msgspec for bytes that it cannot read."""

_PATH = re.compile(r" - at `\$(?:\.)?([^`]*)`$")
_MISSING = re.compile(r"required field `(\w+)`")
_UNKNOWN_FIELD = "Object contains unknown field"
_FLOAT_FOR_INT = re.compile(r"^Expected `[^`]*\bint\b[^`]*`, got `float`$")
# There are several where files were concatenated of which some were empty.
_MARKS = re.compile(rb"(?:\xef\xbb\xbf)+")
# Halves of surrogate pairs without the other half, in JSON where no backslash escapes another.
_LONE_HALF = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_MOST_MENDED: Final = 8 * 1024 * 1024
# Every value except the first of a list or an object has a comma before it, and the first has a
# bracket.
_NOT_VALUES: Final = bytes(set(range(256)) - set(b",[{"))
_SLICE: Final = 1024 * 1024


class NotJsonError(ValueError):
    """Bytes that are not JSON in UTF-8."""


class WrongShapeError(ValueError):
    """JSON of the wrong shape.

    `field` is the path of the fault, None if that is the whole value.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    @property
    def unknown_field(self) -> bool:
        """Whether the only fault is a field that the shape does not have."""
        return str(self).startswith(_UNKNOWN_FIELD)


def reader(kind: type[Kind]) -> Callable[[bytes | msgspec.Raw], Kind]:
    """Return a function that reads JSON of one kind; raises only NotJsonError and WrongShapeError.

    A whole number is an integer however it is written (12.0, 1.2e1). JSON has one type of numbers
    (RFC 8259, section 6), and tables with empty cells write integers in this way.
    """
    decode = msgspec.json.Decoder(kind).decode

    def read(content: bytes | msgspec.Raw) -> Kind:
        try:
            return decode(content)
        except FAULTS as error:
            _raise_unless_float(error)
        return _convert_whole(read_any(content), kind)

    return read


read_any: Callable[[bytes | msgspec.Raw], Any] = reader(object)


def convert(value: Any, kind: type[Kind]) -> Kind:
    """Return a decoded value as one of another kind; raises WrongShapeError.

    Whole numbers are treated as in `reader`.
    """
    try:
        return msgspec.convert(value, kind)
    except FAULTS as error:
        _raise_unless_float(error)
    return _convert_whole(value, kind)


def _convert_whole(value: Any, kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(with_whole_numbers(value, kind), kind)
    except FAULTS as error:
        raise _named(error) from error


def _raise_unless_float(error: Exception) -> None:
    """Raise the fault, unless it is a number with a point or an exponent in place of an integer."""
    named = _named(error)
    if not (isinstance(named, WrongShapeError) and _FLOAT_FOR_INT.match(str(named))):
        raise named from error


def _named(error: Exception) -> NotJsonError | WrongShapeError:
    if isinstance(error, RecursionError):
        return WrongShapeError("the record is nested too deeply")
    message = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return NotJsonError(message)
    found = _PATH.search(message)
    if found:
        return WrongShapeError(message[: found.start()], found[1] or None)
    missing = _MISSING.search(message)
    return WrongShapeError(message, missing[1] if missing else None)


def skip_mark(content: bytes) -> bytes:
    """Return JSON or JSON Lines without a byte order mark at its beginning.

    UTF-8 needs no mark, but Excel, PowerShell and .NET write one. RFC 8259, section 8.1, allows
    readers to ignore it.
    """
    marks = _MARKS.match(content)
    return content[marks.end() :] if marks else content


def find_encoding(content: bytes) -> str:
    """Return UTF-8, UTF-16 or UTF-32, judging by the first bytes of JSON (RFC 4627, section 3)."""
    return detect_encoding(content[:4]).upper()[:6].removesuffix("-")


def mend_unicode(content: bytes) -> bytes:
    """Replace invalid UTF-8 and escaped halves of surrogate pairs by U+FFFD, up to 8 MiB.

    Texts that were cut in the middle of a character have them, and msgspec refuses both. A longer
    body is returned unchanged, because otherwise anybody could make the server spend time on it.
    """
    if len(content) > _MOST_MENDED:
        return content
    valid = content if content.isascii() else content.decode("utf-8", "replace").encode()
    if rb"\ud" not in valid and rb"\uD" not in valid:
        return valid
    return _LONE_HALF.sub(rb"\\ufffd", valid.replace(rb"\\", rb"\u005c"))


def read_mended(content: bytes) -> Any:
    """Read JSON in which broken Unicode and NUL characters become U+FFFD.

    Postgres cannot store NUL characters. Raises NotJsonError and WrongShapeError, as every reader
    here does.
    """
    if rb"\u0000" in content:
        content = content.replace(rb"\\", rb"\u005c").replace(rb"\u0000", rb"\ufffd")
    try:
        return read_any(content)
    except NotJsonError:
        mended = mend_unicode(content)
        if mended == content:
            raise
        return read_any(mended)


def check_values(content: bytes, most: int) -> bool:
    """Tell whether JSON holds at most `most` values, much faster than by building them.

    Commas and brackets are counted: first everywhere, and if there are too many, only outside of
    texts.
    """
    if len(content) <= most:
        return True
    starts = range(0, len(content), _SLICE)  # in slices, so that other threads have a turn
    if sum(_count_values(content[start : start + _SLICE]) for start in starts) <= most:
        return True
    values = position = texts = 0
    while texts <= 2 * most:  # each value has at most a name and a text
        quote = content.find(b'"', position)
        values += _count_values(content[position:quote] if quote >= 0 else content[position:])
        if values > most:
            return False
        if quote < 0 or (position := find_end_of_text(content, quote)) < 0:
            return True
        texts += 1
    return False


def find_end_of_text(content: bytes, begin: int) -> int:
    """Return where the text ends that begins with the quote at `begin`, its last quote included.

    The result is -1 if it has no end.
    """
    position = begin + 1
    while (quote := content.find(b'"', position)) >= 0:
        before = content[position:quote]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return quote + 1
        position = quote + 1
    return -1


def _count_values(part: bytes) -> int:
    return len(part.translate(None, _NOT_VALUES))
