"""Prompts and responses that a person pasted or uploaded, read as records."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, Final

from app.errors import InvalidRecord
from app.importing.mapping import map_row

__all__ = ["LONGEST_PAIRS", "MOST_PAIRS", "read_pairs"]

MOST_PAIRS: Final = 1000
"""The records of one evaluation, as the API limits them."""
LONGEST_PAIRS: Final = 700_000
"""Characters of all pairs together. More would exceed what a page may send in one request."""
_SHAPES: Final = "Send a JSON list of objects, one JSON object a line, or CSV with a line of names."


def read_pairs(text: str) -> list[dict[str, Any]]:
    """Return the records of a JSON list, of NDJSON or of CSV with a head.

    Raises InvalidRecord that says what to do for other texts, and for too many or too long ones.
    """
    given = text.removeprefix("\ufeff").strip()
    if not given:
        raise InvalidRecord(f"There is nothing to score yet. {_SHAPES}")
    if len(given) > LONGEST_PAIRS:
        raise InvalidRecord(
            f"This is longer than {LONGEST_PAIRS:,} characters: send it with llm-monitor ingest --source evaluate."
        )
    try:
        records = list(_read(given))
    except (ValueError, TypeError, RecursionError, csv.Error) as error:
        raise InvalidRecord(f"This cannot be read: {error}. {_SHAPES}") from error
    if not records:
        raise InvalidRecord(f"There is no row below the line of names. {_SHAPES}")
    if len(records) > MOST_PAIRS:
        raise InvalidRecord(
            f"These are {len(records):,} pairs, and one evaluation takes {MOST_PAIRS:,}: send the first part, "
            "then the next."
        )
    return records


def _read(text: str) -> Iterator[dict[str, Any]]:
    if text.startswith("["):
        for number, one in enumerate(json.loads(text), start=1):
            yield _object(one, f"number {number} of the list")
    elif text.startswith("{"):
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield _object(_json(line, number), f"line {number}")
    else:
        yield from _table(text)


def _json(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number} is not JSON") from error


def _object(found: Any, place: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise TypeError(f"{place} is not an object")
    return found


def _table(text: str) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    names = {name.strip() for name in reader.fieldnames or ()}
    if not {"prompt", "response"} <= names:
        raise ValueError("the line of names has no prompt and response")
    reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
    for row in reader:
        cells = {name: cell for name, cell in row.items() if isinstance(name, str) and cell is not None}
        yield map_row(cells, {}, reader.line_num, is_table=True)
