"""From a row of any file to a record of the contract."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from app.errors import InvalidRecord
from app.importing.cells import read_cell
from app.schemas.records import RecordIn

__all__ = ["DEFAULT_FIELDS", "map_row"]

# The default paths of a record's fields. The first path that has a value is used.
DEFAULT_FIELDS: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in RecordIn.__struct_fields__},
    "model_name": ("model_name", "model", "meta.model"),
}
_NUMBERS: Mapping[str, tuple[Callable[[str], float], ...]] = {
    **{name: (float,) for name in RecordIn.__struct_fields__ if name.endswith("_ms")},
    # Tables with empty cells write 12 as 12.0.
    **{name: (int, float) for name in RecordIn.__struct_fields__ if name.endswith(("_tokens", "_requests"))},
}


def map_row(
    fields: Mapping[str, Any], chosen: Mapping[str, str], line: int, *, is_table: bool = False
) -> dict[str, Any]:
    """Return the record of a row: mapped fields by name, everything else as metadata.

    In a row of a table (`is_table`) every value is the text of a cell, which is read as `read_cell`
    describes.

    `chosen` maps a record's field to a dotted path of the row and replaces the defaults. Absent and
    null texts become empty texts. A row with neither prompt nor response raises InvalidRecord,
    because the fields of such a file have other names. A row without an id gets one made of its
    content and line, so that sending the same file again adds nothing.
    """
    record: dict[str, Any] = {}
    used: set[str] = set()
    for name in DEFAULT_FIELDS:
        paths = (chosen[name],) if name in chosen else DEFAULT_FIELDS[name]
        for path in paths:
            value = _find(fields, path)
            if value is not None and (name != "usage" or isinstance(value, Mapping)):
                record[name] = _typed(name, read_cell(name, value) if is_table else value)
                used.add(path)
                break
    if not record.keys() & {"prompt", "response"}:
        raise InvalidRecord(
            "neither prompt nor response found: name their fields with --prompt-field and --response-field"
        )
    rest = {key: value for key, value in fields.items() if key not in used and value is not None}
    given = record.get("metadata")
    if given is not None:
        rest |= given if isinstance(given, dict) else {"metadata": given}
    record["metadata"] = rest
    record.setdefault("prompt", "")
    record.setdefault("response", "")
    record["id"] = str(record.get("id") or _content_id(fields, line))
    return record


def _find(fields: Mapping[str, Any], path: str) -> Any:
    if path in fields:
        return fields[path]
    value: Any = fields
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _typed(name: str, value: Any) -> Any:
    """Turn a CSV cell into the number that the field holds. The API refuses what is not a number.

    An infinite number stays a text, because JSON has no form for it, and is refused too. NaN stands
    for an absent value in tables.
    """
    if name not in _NUMBERS or not isinstance(value, str | float):
        return value
    number = _read_number(name, value) if isinstance(value, str) else value
    return str(value) if isinstance(number, float) and math.isinf(number) else number


def _read_number(name: str, cell: str) -> float | str:
    for read in _NUMBERS[name]:
        with suppress(ValueError):
            return read(cell)
    return cell


def _content_id(fields: Mapping[str, Any], line: int) -> str:
    content = json.dumps(fields, sort_keys=True, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return f"{hashlib.blake2b(content, digest_size=12).hexdigest()}:{line}"
