"""Bodies that come in pieces of any size give the same rows as whole ones."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import BodyTooLarge, MonitorError
from app.jobs.pace import Pace
from app.uploading import rows
from app.uploading.reading import Reading
from app.uploading.rows import CsvRows, JsonRows, NdjsonRows, Row, Rows, mapped

RECORD = b'{"prompt": "a, {b} [c] \\"d\\"", "response": "e"}'


def cut(made: Rows, body: bytes, size: int) -> list[Row]:
    found: list[Row] = []
    for start in range(0, len(body), size):
        found += made.feed(body[start : start + size])
    return [*found, *made.finish()]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
@pytest.mark.parametrize(
    ("make", "body", "lines"),
    [
        (NdjsonRows, RECORD + b"\n\n" + RECORD, [1, 3]),
        (NdjsonRows, b"\xef\xbb\xbf" + RECORD + b"\r\n" + RECORD + b"\n", [1, 2]),
        (NdjsonRows, b"", []),
        (JsonRows, b"[" + RECORD + b", " + RECORD + b"]", [1, 2]),
        (JsonRows, b" \n[ ] ", []),
        (JsonRows, b"[" + RECORD + b',1,[2],"}",' + RECORD + b"]\n", [1, 2, 3, 4, 5]),
        (CsvRows, b"prompt,response\na,b\n\nc,d", [2, 4]),
        (CsvRows, b'prompt,response\n"a\n""b"", c",d\n5" disk,e\n', [3, 4]),
    ],
)
def test_pieces_of_any_size_give_the_same_rows(
    make: Callable[[], Rows], body: bytes, lines: list[int], size: int
) -> None:
    found = cut(make(), body, size)
    assert [row.line for row in found] == lines
    assert found == cut(make(), body, max(1, len(body)))


@pytest.mark.parametrize("size", [100_000, 300_000])
def test_a_long_list_is_cut_although_an_element_is_no_json(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_BY_BRACKETS", 400_000)
    elements = [RECORD] * 20_000
    elements[9_000] = b"{oops}"
    found = cut(JsonRows(), b"[" + b",".join(elements) + b"]", size)
    assert [row.content for row in found] == elements


@pytest.mark.parametrize(
    ("make", "body"),
    [
        (JsonRows, b"[" + RECORD),
        (JsonRows, b"[" + RECORD + b","),
        (JsonRows, RECORD),
        (JsonRows, b""),
        (JsonRows, b"[" + RECORD + b"] x"),
        (CsvRows, b""),
        (CsvRows, "prompt,response\n".encode("utf-16")),
        (NdjsonRows, '{"prompt": "a"}\n'.encode("utf-16")),
    ],
)
def test_a_body_that_is_not_whole_is_refused(make: Callable[[], Rows], body: bytes) -> None:
    with pytest.raises(MonitorError):
        cut(make(), body, 64)


def test_a_row_that_is_too_long_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROW_BYTES", 1_000)
    body = RECORD + b"\n" + b"x" * 5_000 + b"\n" + RECORD
    found = cut(NdjsonRows(), body, 300)
    assert [(row.line, row.problem is None) for row in found] == [(1, True), (2, False), (3, True)]
    with pytest.raises(BodyTooLarge):
        cut(JsonRows(), b'["' + b"x" * 600_000 + b'"]', 300_000)


@pytest.mark.parametrize(
    "text", ['a,b\n"c,d",e\n', '"a""",b\n', 'a"b,"c\n', '"a"b,c\n"d\ne",f\n', '"open\nto the end', '"",""\n']
)
def test_cells_are_those_of_the_csv_module(text: str) -> None:
    body = "prompt,response,third\n" + text
    found = [json.loads(row.content or b"{}").get("prompt") for row in cut(CsvRows(), body.encode(), 3)]
    table = [*csv.reader(io.StringIO(body, newline=""))][1:]
    assert found == [cells[0] or None if any(cells[:2]) else None for cells in table if cells]


@pytest.mark.parametrize(
    ("fields", "record"),
    [
        ({"prompt": "a", "response": "b"}, {"prompt": "a", "response": "b", "metadata": {}}),
        (
            {"prompt": "a", "response": "b", "id": "x", "metadata": '{"k": 1}', "tags": "s;t", "shelf": 2},
            {
                "prompt": "a",
                "response": "b",
                "id": "x",
                "tags": ["s", "t"],
                "metadata": {"shelf": 2, "k": 1},
            },
        ),
    ],
)
def test_columns_become_fields_or_metadata(fields: dict[str, object], record: dict[str, object]) -> None:
    assert json.loads(mapped(1, fields).content) == record


def test_a_row_without_texts_says_so() -> None:
    assert "neither prompt nor response" in str(mapped(4, {"a": 1}).problem)


def test_items_are_bounded_and_refusals_are_counted() -> None:
    read = Reading(NdjsonRows(), most=3_000)
    found = read.feed(b"x\n" * 1_500 + RECORD + b"\n")
    assert [(line, record.response) for line, record, _ in found.records] == [(1_501, "e")]
    assert (read.items, read.rejected, len(read.errors)) == (1_501, 1_500, 1_000)
    with pytest.raises(BodyTooLarge, match="at most 3000 items"):
        read.feed(b"x\n" * 1_500)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    begun = datetime(2026, 12, 1, tzinfo=UTC)
    pace = Pace()
    assert (pace.rate_per_s, pace.eta_seconds(0, 10)) == (None, None)
    for second in range(0, 121, 10):
        done = 100 * second if second <= 60 else 6_000 + 10 * (second - 60)
        pace = pace.reached(begun + timedelta(seconds=second), done, 1, 0)
    assert pace.rate_per_s == pytest.approx(10)
    assert pace.eta_seconds(6_600, 7_600) == pytest.approx(100)
    assert (pace.failed, len(pace.marks)) == (1, 4)
