"""From a cell of a table, which is always text, to a field of a record that is more than text."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["read_cell"]

_SEPARATOR = ";"
_SWITCHES = {"true": True, "false": False}
_SWITCH_PREFIX = "check_"


def read_cell(name: str, cell: str) -> Any:
    """Return what a cell says for the field `name` of a record; the cell itself where that is a text.

    `tags` are separated by semicolons, or a JSON array where a tag holds one. `context` is a JSON array of
    texts, or one text. `metadata` is a JSON object, `messages` a JSON array of objects, and the switches
    `check_…` are true or false in any case. What is none of these is left for the API to refuse.
    """
    if name == "tags":
        found = _read_json(cell, list)
        return _split(cell) if found is None else found
    if name == "context":
        found = _read_json(cell, list)
        return found if found and all(isinstance(one, str) for one in found) else cell
    if name == "metadata":
        return _or_cell(_read_json(cell, dict), cell)
    if name == "messages":
        return _or_cell(_read_json(cell, list), cell)
    if name.startswith(_SWITCH_PREFIX):
        return _SWITCHES.get(cell.strip().lower(), cell)
    return cell


def _split(cell: str) -> list[str]:
    return [tag for part in cell.split(_SEPARATOR) if (tag := part.strip())]


def _or_cell(found: Any, cell: str) -> Any:
    return cell if found is None else found


def _read_json(cell: str, kind: type) -> Any:
    """Return the JSON of a cell where it is of this kind, else None."""
    if not cell.lstrip().startswith(("[", "{")):
        return None
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, kind) else None
