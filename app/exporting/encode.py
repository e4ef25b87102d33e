"""The program that turns rows of JSON on its standard input into CSV or Parquet on its output.

It is a process of its own with a low priority, so that it delays nobody who waits for the API, and
so that its memory is free again when it ends. It imports little, because every export starts one.
"""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

from app.exporting.cells import defused

if TYPE_CHECKING:
    from arro3.core import DataType

__all__ = ["COMPRESSION", "GROUP_ROWS", "main", "write_csv", "write_parquet"]

Columns = Sequence[tuple[str, str]]
"""Name and type of each column, by the names that types have in Postgres."""
_NICENESS: Final = 10
_MOST_MEMORY: Final = 2 * 1024**3
# Where memory runs out, Linux ends this process and none that serves.
_KILLABLE: Final = "/proc/self/oom_score_adj"
_BATCH_ROWS: Final = 200
COMPRESSION: Final = "zstd(1)"
GROUP_ROWS: Final = 2_000
"""The most rows of a row group. The encoder holds one group in memory."""
_TEXTS: Final = frozenset({"text", "jsonb", "json", "uuid", "bytea"})


def write_csv(rows: IO[bytes], out: IO[bytes], columns: Columns, *, head: bool = True) -> None:
    """Write rows of JSON as CSV (RFC 4180): UTF-8, with a line of names if `head` is true.

    Lists and objects are written as JSON, moments as RFC 3339, and missing values as empty cells.
    Texts that a spreadsheet would compute are defused (`app.exporting.cells`).
    """
    names = [name for name, _ in columns]
    cells = [_text_cell if type_ in _TEXTS else _cell for _, type_ in columns]
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\r\n")
    if head:
        writer.writerow(names)
    for line in rows:
        # Numbers stay as they are written.
        row = json.loads(line, parse_float=str, parse_int=str)
        writer.writerow([cell(row[name]) for cell, name in zip(cells, names, strict=True)])
    text.flush()
    text.detach()


def _text_cell(value: str | None) -> str:
    return "" if value is None else defused(value)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def write_parquet(rows: IO[bytes], out: IO[bytes], columns: Columns) -> None:
    """Write rows of JSON as Parquet with Zstandard, in row groups of at most GROUP_ROWS rows.

    Moments have their zone (UTC), money is decimal128(24, 10), and lists of texts are lists.
    Objects are texts of JSON.
    """
    from arro3.core import Field, Schema
    from arro3.io import read_json
    from arro3.io import write_parquet as write

    types = _arrow_types()
    schema = Schema([Field(name, types[type_]()) for name, type_ in columns])
    batches = read_json(rows, schema, batch_size=_BATCH_ROWS)
    write(batches, out, compression=COMPRESSION, max_row_group_size=GROUP_ROWS)
    out.flush()


def _arrow_types() -> Mapping[str, Callable[[], DataType]]:
    from arro3.core import DataType, Field

    texts = dict.fromkeys(_TEXTS, DataType.utf8)
    return {
        **texts,
        "timestamptz": lambda: DataType.timestamp("us", tz="UTC"),
        "boolean": DataType.bool,
        "bigint": DataType.int64,
        "double precision": DataType.float64,
        "numeric": lambda: DataType.decimal128(24, 10),
        "text[]": lambda: DataType.list(Field("element", DataType.utf8())),
    }


def main(arguments: Sequence[str]) -> None:
    """Encode what comes on standard input.

    The arguments are the format, the columns as JSON, and for CSV whether the names come first.
    """
    form, columns, head = arguments
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    if os.path.exists(_KILLABLE):  # noqa: PTH110 pathlib costs a tenth of the start
        with open(_KILLABLE, "w") as score:  # noqa: PTH123 the same
            score.write("1000")
    if form == "csv":
        write_csv(sys.stdin.buffer, sys.stdout.buffer, json.loads(columns), head=head == "head")
    else:
        write_parquet(sys.stdin.buffer, sys.stdout.buffer, json.loads(columns))
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
