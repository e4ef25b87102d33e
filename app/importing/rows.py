"""Rows of JSON Lines and CSV files, plain or gzipped, one at a time."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from app.errors import MalformedBody, NotFound, UnsupportedMediaType
from app.schemas.json_input import find_encoding, skip_mark

__all__ = ["Row", "open_rows"]

_JSON_LINES = {".jsonl", ".ndjson", ".json"}
_ENCODING = "UTF-8"


class Row(NamedTuple):
    """One line of a file: its number from 1, its fields or why there are none, and the bytes read so far.

    `is_table` says that every field is the text of a cell. `position` counts bytes of the file as it lies on disk, so that progress can be measured against its size.
    """

    line: int
    fields: dict[str, Any] | None
    problem: str | None
    position: int
    is_table: bool = False


def open_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a .jsonl, .ndjson or .csv file, each also as .gz.

    Raises NotFound, UnsupportedMediaType, or MalformedBody for another encoding than UTF-8, before the first row,
    and MalformedBody for a broken archive.
    """
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix not in _JSON_LINES | {".csv"}:
        raise UnsupportedMediaType(f"{path}: expected .jsonl, .ndjson or .csv, each plain or with .gz.")
    try:
        raw = path.open("rb")
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}.") from error
    with raw:
        content = cast("BufferedReader", gzip.open(raw) if path.suffix == ".gz" else raw)  # noqa: SIM115 closed with raw
        rows = _csv_rows(content, raw) if suffix == ".csv" else _json_rows(content, raw)
        try:
            _check_encoding(path, content)
            yield from rows
        except (EOFError, gzip.BadGzipFile, zlib.error, csv.Error) as error:
            raise MalformedBody(
                f"{path}: the archive ends early or is no gzip, or a row is no CSV; rows before it were sent."
            ) from error


def _check_encoding(path: Path, content: BufferedReader) -> None:
    encoding = find_encoding(content.peek(4)[:4])
    if encoding != _ENCODING:
        raise MalformedBody(
            f"{path} is in {encoding}: save it in {_ENCODING} (in PowerShell, `Out-File -Encoding utf8`)."
        )


def _json_rows(content: IO[bytes], raw: IO[bytes]) -> Iterator[Row]:
    for number, marked in enumerate(content, start=1):
        line = skip_mark(marked)
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row(number, None, f"not valid JSON: {error}", raw.tell())
            continue
        if isinstance(fields, dict):
            yield Row(number, fields, None, raw.tell())
        else:
            yield Row(number, None, "expected a JSON object", raw.tell())


def _csv_rows(content: IO[bytes], raw: IO[bytes]) -> Iterator[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with io.TextIOWrapper(content, encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.DictReader(text)
        for fields in reader:
            extra = fields.pop(None, None)  # DictReader's key for surplus cells
            problem = f"{len(extra)} cells more than the header names" if extra else None
            present = {key: value for key, value in fields.items() if value not in {None, ""}}
            yield Row(reader.line_num, None if problem else present, problem, raw.tell(), is_table=True)
