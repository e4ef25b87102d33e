"""Walking JSON values: every string and number with the words that say what it is.

A number without a check digit is an identifier only by what is said about it. In a text that stands before it; in a
value it is a key, a name beside it, the head of its column, or the string before it in a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import re2

__all__ = ["map_value"]

Change = Callable[[str, str], str]
"""From a text and the words before it to what stands in its place."""

# A number below is too short for an identifier.
_SMALLEST_NUMBER = 1_000_000
# The finder reads 48 characters before a match.
_LEAD = 64
# Keys that say nothing: what names their value is the key above or a name beside them.
_MUTE = frozenset((
    "value", "values", "val", "v", "number", "numbers", "text", "content", "contents", "raw", "data",
    "string", "list", "items", "item", "array", "entries", "result", "answer", "stringvalue", "intvalue",
    "doublevalue", "arrayvalue", "kvlistvalue", "string_value", "int_value", "double_value", "array_value",
    "original", "primary", "secondary", "home", "mobile", "work", "private", "office",
))  # fmt: skip
_NAMING = (
    "name",
    "key",
    "label",
    "field",
    "column",
    "attribute",
    "property",
    "parameter",
    "question",
    "title",
    "type",
    "kind",
)
_COLUMNS = ("columns", "headers", "header", "fields", "column_names", "schema")
_CAMEL = re2.compile(r"([a-z0-9])([A-Z])")


def map_value(value: Any, change: Change, lead: str = "") -> Any:
    """Return a JSON value with its strings changed, keys included, and the numbers that may be identifiers.

    `{"ssn": 536224587}`, `{"ssn": {"value": 536224587}}`, `{"name": "ssn", "value": 536224587}`,
    `["ssn", 536224587]` and a table with a column `ssn` all read as `ssn: 536224587`.
    """
    if isinstance(value, str):
        return change(value, lead)
    if isinstance(value, dict):
        return _map_object(value, change, lead)
    if isinstance(value, list | tuple):
        return _map_list(value, change, lead)
    if isinstance(value, int | float) and _SMALLEST_NUMBER <= abs(value) < float("inf"):
        text = str(int(value)) if value == int(value) else str(value)
        changed = change(text, lead)
        return value if changed == text else changed
    return value


def _map_object(value: Mapping[str, Any], change: Change, lead: str) -> dict[str, Any]:
    named = next((value[one] for one in _NAMING if isinstance(value.get(one), str) and value[one]), "")
    heads = next((value[one] for one in _COLUMNS if _are_names(value.get(one))), None)
    mapped: dict[str, Any] = {}
    for key, item in value.items():
        own = f"{_words(key)}: "
        if key.lower() in _MUTE:
            own = f"{lead}{_words(named[:_LEAD])}: " if named else f"{lead}{own}"
        free = _free_key(change(key, ""), mapped)
        if heads is not None and isinstance(item, list | tuple) and item is not heads:
            mapped[free] = [_map_row(row, heads, change, own) for row in item]
        else:
            mapped[free] = map_value(item, change, own[-_LEAD:])
    return mapped


def _map_list(value: Sequence[Any], change: Change, lead: str) -> list[Any]:
    heads: Any = value[0] if value else ()
    rows = value[1:]
    if (
        _are_names(heads)
        and rows
        and all(isinstance(row, list | tuple) and len(row) == len(heads) for row in rows)
    ):
        return [map_value(heads, change, lead), *(_map_row(row, heads, change, lead) for row in rows)]
    mapped = []
    said = ""
    for item in value:
        mapped.append(map_value(item, change, f"{lead}{said}"[-_LEAD:]))
        said = (
            f"{_words(item)}: "
            if isinstance(item, str) and len(item) < _LEAD and not _has_digit(item)
            else ""
        )
    return mapped


def _map_row(row: Any, heads: Sequence[str], change: Change, lead: str) -> Any:
    if not isinstance(row, list | tuple) or len(row) != len(heads):
        return map_value(row, change, lead)
    return [
        map_value(item, change, f"{_words(head[:_LEAD])}: ") for head, item in zip(heads, row, strict=True)
    ]


def _are_names(value: Any) -> bool:
    """Tell a row of names, as a table begins with, from a row of values."""
    return (
        isinstance(value, list | tuple)
        and len(value) > 1
        and all(isinstance(one, str) and one and not _has_digit(one) for one in value)
    )


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


@lru_cache(maxsize=4096)
def _words(name: str) -> str:
    """Return a name as words: `customerSsn`, `customer_ssn` and `customer.ssn` say the same."""
    spaced = _CAMEL.sub(r"\1 \2", name) if not (name.islower() or name.isupper()) else name
    return spaced.replace("_", " ").replace(".", " ").rstrip(": ")


def _free_key(key: str, taken: Mapping[str, Any]) -> str:
    """Return a key that two masked ones do not share."""
    free, number = key, 2
    while free in taken:
        free, number = f"{key} {number}", number + 1
    return free
