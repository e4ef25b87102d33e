"""The fields of structured passages, which an answer may combine in any order.

A tool answers in JSON, YAML or a table. The words there stand in no sentence, so their order says
nothing about an answer. It matters instead which words belong together: those of one row do, and
those of two rows do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from monitoring.conversation.decoding import decode, looks_structured
from monitoring.signals.spoken import spoken_name, spoken_number, spoken_value

__all__ = ["DENIED", "EVERY_ROW", "STATED", "Field", "read_fields"]

EVERY_ROW = (1 << 64) - 1
"""The rows of what belongs to all rows, such as a title or the head of a table."""
DENIED, STATED = 8, 16
"""What the value of a field says about its name: false and null deny it, and true states it."""

# A longer value is prose, and the order of its words counts as in any other prose.
_MOST_WORDS = 12
# A field costs some microseconds. A passage that is longer, larger or deeper is compared as prose.
_LONGEST = 64 * 1024
_MOST_FIELDS = 2_000
_DEEPEST = 32
_DELIMITERS = ("|", "\t", ",", ";")
_BEGINNING, _FIRST_LINES = 2_000, 4
_LONGEST_NAME = 40
_ROWS = 64


class Field(NamedTuple):
    """A name or a value: its text, the rows that it belongs to, and what it claims.

    The rows are 64 bits, which are 0 for prose.
    """

    text: str
    rows: int
    claim: int = 0


class _TooDeepError(Exception):
    """A structure is nested more deeply than is read."""


def read_fields(passage: str) -> list[Field] | None:
    """Return the fields of a structured passage, or None if the passage is prose.

    Structures are JSON, a repr, YAML of names and values, CSV, and tables. A passage of more than
    64 KiB, 2,000 fields or 32 levels counts as prose, which bounds the time of all others.
    """
    if len(passage) > _LONGEST:
        return None
    if looks_structured(passage):
        value = decode(passage).value
        if isinstance(value, dict | list | tuple):
            return _listed(_walk(value, EVERY_ROW, in_rows=False))
    elif "\n" not in passage:
        return None
    return _read_lines(passage)


def _listed(fields: Iterator[Field]) -> list[Field] | None:
    try:
        found = list(islice(fields, _MOST_FIELDS + 1))
    except _TooDeepError:
        return None
    return found if len(found) <= _MOST_FIELDS else None


def _walk(value: Any, rows: int, *, in_rows: bool, depth: int = 0) -> Iterator[Field]:
    """Yield the fields of a decoded value.

    The rows are the items of the outermost list that holds only objects or lists.
    """
    if depth > _DEEPEST:
        raise _TooDeepError
    if isinstance(value, Mapping):
        for name, item in value.items():
            spoken = spoken_name(str(name))
            yield Field(spoken, rows, _claim(item))
            if not isinstance(item, bool) and item is not None:
                yield from _walk(item, rows, in_rows=in_rows, depth=depth + 1)
    elif isinstance(value, list | tuple):
        divided = not in_rows and len(value) > 1 and all(isinstance(one, Mapping | list) for one in value)
        for number, item in enumerate(value):
            own = _row(number) if divided else rows
            yield from _walk(item, own, in_rows=in_rows or divided, depth=depth + 1)
    elif isinstance(value, str):
        inner = decode(value).value if looks_structured(value) else value
        if isinstance(inner, str):
            yield _value(inner, rows)
        else:
            yield from _walk(inner, rows, in_rows=in_rows, depth=depth + 1)
    elif isinstance(value, int | float):
        yield Field(spoken_number(value), rows)


def _read_lines(passage: str) -> list[Field] | None:
    # The beginning shows that a passage is prose, and nothing more is read of most passages.
    first = passage[:_BEGINNING].splitlines()
    whole = first if len(passage) <= _BEGINNING else first[:-1]
    beginning = [line for line in whole[:_FIRST_LINES] if line.strip()]
    delimiter = next((one for one in _DELIMITERS if _divides(beginning, one)), None)
    named = delimiter is None and len(beginning) > 1 and all(map(_is_named, beginning))
    if not (delimiter or named) or passage.count("\n") > _MOST_FIELDS:
        return None
    lines = [line for line in passage.splitlines() if line.strip()]
    if delimiter:
        return _listed(_table(lines, delimiter)) if _divides(lines, delimiter) else None
    short = sum(line.count(" ") <= _MOST_WORDS for line in lines)
    return (
        _listed(_named_values(lines)) if 3 * short >= 2 * len(lines) and all(map(_is_named, lines)) else None
    )


def _is_named(line: str) -> bool:
    """Tell whether a line is a name with or without a value, or an item of a list."""
    bare = line.lstrip()
    listed = bare.startswith(("- ", "* "))
    name, colon, value = bare.partition(":")
    named = bool(colon) and len(name) <= _LONGEST_NAME and not value[:1].strip()
    return listed or (named and name.strip("\"'")[:1].isalpha())


def _divides(lines: Sequence[str], delimiter: str) -> bool:
    """Tell whether lines are the rows of a table, of which the first may be its title."""
    cells = lines[-1].count(delimiter) if len(lines) > 1 else 0
    if not cells:
        return False
    if sum(line.count(delimiter) == cells for line in lines) < max(len(lines) - 1, 2):
        return False
    # People write a space after a comma, and programs do not.
    return delimiter in "|\t" or (f"{delimiter} " not in lines[0] and lines[0].count(delimiter) == cells)


def _table(lines: Sequence[str], delimiter: str) -> Iterator[Field]:
    widest = lines[-1].count(delimiter)
    number = -1
    for line in lines:
        if not line.strip(" \t|:+=-"):
            continue
        cells = line.split(delimiter) if line.count(delimiter) == widest else [line]
        head = len(cells) == 1 or number < 0
        number += len(cells) > 1
        for cell in cells:
            text = cell.strip().strip('"')
            if text:
                yield Field(spoken_name(text), EVERY_ROW) if head else _value(text, _row(number - 1))


def _named_values(lines: Sequence[str]) -> Iterator[Field]:
    """Yield the names and values of YAML and similar formats, in which list items are rows."""
    row, indent = EVERY_ROW, -1
    number = 0
    for line in lines:
        bare = line.lstrip()
        depth = len(line) - len(bare)
        if bare.startswith(("- ", "* ")):
            if indent < 0 or depth <= indent:
                indent, row = depth, _row(number)
                number += 1
            bare = bare[2:].lstrip()
        elif depth <= indent:
            row, indent = EVERY_ROW, -1
        name, colon, value = bare.partition(":")
        if not colon:
            yield _value(bare, row)
            continue
        text = value.strip().strip("\"'")
        claim = {"false": DENIED, "no": DENIED, "null": DENIED, "true": STATED, "yes": STATED}.get(
            text.lower(), 0
        )
        yield Field(spoken_name(name), row, claim)
        if text and not claim:
            yield _value(text, row)


def _row(number: int) -> int:
    return 1 << (number % _ROWS)


def _claim(value: Any) -> int:
    if value is True:
        return STATED
    return DENIED if value is False or value is None else 0


def _value(text: str, rows: int) -> Field:
    if text.count(" ") >= _MOST_WORDS:
        return Field(text, 0)
    return Field(spoken_value(text), rows)
