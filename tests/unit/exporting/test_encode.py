"""Rows of JSON as CSV and Parquet, with what is hard about them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from app.exporting.encode import GROUP_ROWS, write_csv, write_parquet

COLUMNS = [
    ("id", "uuid"),
    ("text", "text"),
    ("at", "timestamptz"),
    ("count", "bigint"),
    ("number", "double precision"),
    ("money", "numeric"),
    ("truth", "boolean"),
    ("list", "text[]"),
    ("object", "jsonb"),
]
ROW: Mapping[str, Any] = {
    "id": "0193",
    "text": "a",
    "at": "2026-11-30T21:05:01.123456+00:00",
    "count": 9_007_199_254_740_993,
    "number": 0.1,
    "money": 0.5,
    "truth": True,
    "list": ["a", "=b", "c,d"],
    "object": '{"a": [1, "x\\ny"]}',
}


@pytest.fixture(autouse=True)
def any_length() -> Iterator[None]:
    """Let Python's reader take cells of any length."""
    before = csv.field_size_limit(10_000_000)
    yield
    csv.field_size_limit(before)


def lines(*rows: Mapping[str, Any]) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps({**ROW, **row}).encode() + b"\n" for row in rows))


def as_csv(*rows: Mapping[str, Any], head: bool = True) -> list[list[str]]:
    out = io.BytesIO()
    write_csv(lines(*rows), out, COLUMNS, head=head)
    return list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))


def as_parquet(*rows: Mapping[str, Any]) -> Any:
    out = io.BytesIO()
    write_parquet(lines(*rows), out, COLUMNS)
    return pq.ParquetFile(io.BytesIO(out.getvalue()))


def test_numbers_in_csv_are_as_they_were_written() -> None:
    source = lines({}).getvalue().replace(b'"money": 0.5', b'"money": 0.0000012345')
    out = io.BytesIO()
    write_csv(io.BytesIO(source), out, COLUMNS, head=False)
    (row,) = csv.reader(io.StringIO(out.getvalue().decode()))
    assert row[3:7] == ["9007199254740993", "0.1", "0.0000012345", "true"]
    assert row[7:] == ['["a", "=b", "c,d"]', '{"a": [1, "x\\ny"]}']


@pytest.mark.parametrize("given", ["a\nb", "a\r\nb", "a\rb", 'a"b', "a,b", "\u2028", "\x00", "é" * 1_000_000])
def test_any_text_is_one_cell_and_one_value(given: str) -> None:
    head, row, *rest = as_csv({"text": given})
    assert (head, row[1], rest) == ([name for name, _ in COLUMNS], given, [])
    assert as_parquet({"text": given}).read().to_pylist()[0]["text"] == given


def test_negative_numbers_are_no_formulas() -> None:
    ((_, text, _, count, number, *_),) = as_csv({"text": "-1", "count": -1, "number": -0.5}, head=False)
    assert (text, count, number) == ("'-1", "-1", "-0.5")


def test_missing_values_are_empty_cells_and_nulls() -> None:
    nothing = dict.fromkeys(ROW)
    assert as_csv(nothing, head=False) == [[""] * len(COLUMNS)]
    assert as_parquet(nothing).read().to_pylist() == [nothing]


def test_columns_of_parquet_have_types() -> None:
    (row,) = as_parquet({}).read().to_pylist()
    assert row["at"] == datetime(2026, 11, 30, 21, 5, 1, 123456, UTC)
    assert (row["count"], row["money"]) == (9_007_199_254_740_993, Decimal("0.5"))
    assert (row["truth"], row["list"]) == (True, ["a", "=b", "c,d"])
    assert str(as_parquet({}).schema_arrow.field("money").type) == "decimal128(24, 10)"


def test_row_groups_are_bounded() -> None:
    file = as_parquet(*({"count": at} for at in range(GROUP_ROWS + 1)))
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [GROUP_ROWS, 1]


def test_a_row_that_is_cut_is_an_error_and_no_short_file() -> None:
    cut = io.BytesIO(lines({}).getvalue()[:-20])
    with pytest.raises(Exception, match="Truncated record"):
        write_parquet(cut, io.BytesIO(), COLUMNS)
    with pytest.raises(ValueError, match="Unterminated"):
        write_csv(io.BytesIO(cut.getvalue()), io.BytesIO(), COLUMNS)
