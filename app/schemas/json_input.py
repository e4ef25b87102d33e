"""JSON from outside, read with msgspec: whatever is wrong with it becomes one of two errors.

Every decoding of bytes that a client sent goes through here. msgspec tells faults at different moments: a
wrong field before the syntax behind it, invalid UTF-8 when a text is built, depth when Python's stack ends.
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
"""What msgspec raises for bytes that it does not read."""

_PATH = re.compile(r" - at `\$(?:\.)?([^`]*)`$")
_MISSING = re.compile(r"required field `(\w+)`")
_UNKNOWN_FIELD = "Object contains unknown field"
_FLOAT_FOR_INT = re.compile(r"^Expected `[^`]*\bint\b[^`]*`, got `float`$")
# Several where files were laid end to end of which some were empty.
_MARKS = re.compile(rb"(?:\xef\xbb\xbf)+")
# Halves of surrogate pairs without the other half, where no backslash is escaped by another.
_LONE_HALF = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_MOST_MENDED: Final = 8 * 1024 * 1024
# Every value but the first of a list or an object has a comma before it, and the first has a bracket.
_NOT_VALUES: Final = bytes(set(range(256)) - set(b",[{"))
_SLICE: Final = 1024 * 1024


class NotJsonError(ValueError):
    """Bytes that are no JSON in UTF-8."""


class WrongShapeError(ValueError):
    """JSON of another shape than is wanted: `field` is the path to blame, None where it is the whole."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    @property
    def unknown_field(self) -> bool:
        """Whether nothing is wrong but a field that the shape does not name."""
        return str(self).startswith(_UNKNOWN_FIELD)


def reader(kind: type[Kind]) -> Callable[[bytes | msgspec.Raw], Kind]:
    """Return a function that reads JSON of one kind; it raises NotJsonError and WrongShapeError alone.

    A whole number is an integer however it is written (12.0, 1.2e1): JSON has one type of numbers (RFC 8259,
    section 6), and tables with empty cells write integers so.
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
    """Return a decoded value as one of another kind, whole numbers as `reader` does; raises WrongShapeError."""
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
    """Raise what is wrong, unless that is a number with a point or an exponent where an integer is wanted."""
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

    UTF-8 needs none, and Excel, PowerShell and .NET write one; RFC 8259, section 8.1, allows to ignore it.
    """
    marks = _MARKS.match(content)
    return content[marks.end() :] if marks else content


def find_encoding(content: bytes) -> str:
    """Return UTF-8, UTF-16 or UTF-32, by the first bytes of JSON (RFC 4627, section 3)."""
    return detect_encoding(content[:4]).upper()[:6].removesuffix("-")


def mend_unicode(content: bytes) -> bytes:
    """Replace bytes that are no UTF-8 and escaped halves of surrogate pairs by U+FFFD, up to 8 MiB.

    Texts that were cut in the middle of a character have them, and msgspec refuses both. What is longer is
    left as it is: the time for it would be anybody's to spend.
    """
    if len(content) > _MOST_MENDED:
        return content
    valid = content if content.isascii() else content.decode("utf-8", "replace").encode()
    if rb"\ud" not in valid and rb"\uD" not in valid:
        return valid
    return _LONE_HALF.sub(rb"\\ufffd", valid.replace(rb"\\", rb"\u005c"))


def read_mended(content: bytes) -> Any:
    """Read JSON in which broken Unicode and NUL characters, which Postgres cannot hold, become U+FFFD.

    Raises NotJsonError and WrongShapeError as every reader here does.
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
    """Tell whether JSON holds at most `most` values, in a fraction of the time that building them takes.

    Commas and brackets are counted, first everywhere and, where that is too many, outside of texts.
    """
    if len(content) <= most:
        return True
    starts = range(0, len(content), _SLICE)  # so that other threads get their turn
    if sum(_count_values(content[start : start + _SLICE]) for start in starts) <= most:
        return True
    values = position = texts = 0
    while texts <= 2 * most:  # a name and a text may come with each value, not more
        quote = content.find(b'"', position)
        values += _count_values(content[position:quote] if quote >= 0 else content[position:])
        if values > most:
            return False
        if quote < 0 or (position := find_end_of_text(content, quote)) < 0:
            return True
        texts += 1
    return False


def find_end_of_text(content: bytes, begin: int) -> int:
    """Return where the text ends that begins with the quote at `begin`, its last quote included; -1 for never."""
    position = begin + 1
    while (quote := content.find(b'"', position)) >= 0:
        before = content[position:quote]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return quote + 1
        position = quote + 1
    return -1


def _count_values(part: bytes) -> int:
    return len(part.translate(None, _NOT_VALUES))
