"""What a change of a board makes of its file; every function is pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.errors import InvalidRecord
from app.schemas.boards import LONGEST_TITLE, SCHEMA

__all__ = ["empty_board", "ids_for", "put_chart", "read_upload", "rearrange", "renamed", "title_for"]

_LONGEST_ID: Final = 50
_MOST_TRIED: Final = 60
_OTHERS: Final = re.compile(r"[^a-z0-9]+")

File = dict[str, Any]


def empty_board(name: str) -> File:
    """Return the file of a board without charts."""
    return {"schema": SCHEMA, "name": name, "charts": []}


def ids_for(name: str) -> Iterator[str]:
    """Yield ids for a board of this name, the plain one first."""
    word = _OTHERS.sub("-", name.lower()).strip("-")[:_LONGEST_ID].strip("-") or "board"
    yield word
    for number in range(2, _MOST_TRIED):
        yield f"{word}-{number}"


def title_for(measure: str, split: str) -> str:
    """Return the title of a chart that a person did not name."""
    said = measure.replace("_", " ").replace(":", " ")
    return f"{said[:1].upper()}{said[1:]}{f' by {split}' if split else ''}"[:LONGEST_TITLE]


def put_chart(file: File, chart: Mapping[str, Any], place: int | None = None) -> File:
    """Return the file with one more chart at its end, or with another chart at a place."""
    charts = list(file.get("charts", []))
    if place is None:
        charts.append(dict(chart))
    elif 0 <= place < len(charts):
        charts[place] = dict(chart)
    else:
        raise InvalidRecord("This chart is no longer on the board.")
    return file | {"charts": charts}


def rearrange(file: File, act: str, place: int) -> File:
    """Return the file with a chart removed, or moved by one place (`up` or `down`)."""
    charts = list(file.get("charts", []))
    if not 0 <= place < len(charts):
        raise InvalidRecord("This chart is no longer on the board.")
    chart = charts.pop(place)
    if act != "remove":
        charts.insert(max(0, place + (-1 if act == "up" else 1)), chart)
    return file | {"charts": charts}


def renamed(file: File, name: str) -> File:
    """Return the file with another name; raises InvalidRecord for an empty one."""
    if not name:
        raise InvalidRecord("Give the board another name first.")
    return file | {"name": name}


def read_upload(contents: str | None) -> File:
    """Return the JSON object of a file that a browser uploaded; raises InvalidRecord."""
    try:
        found = json.loads(base64.b64decode((contents or "").partition(",")[2], validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidRecord("This file is not JSON: choose a file that a board was exported to.") from error
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise InvalidRecord(f"This file is no board: the first field of a board is schema, with {SCHEMA}.")
    return found
