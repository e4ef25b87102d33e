from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from app.errors import MalformedBody, NotFound, UnsupportedMediaType
from app.importing.rows import open_rows

JSON_LINES = b'{"a": 1}\n\n{"b": \xc3\xa9}\n{"b": "\xc3\xa9"}\n[1]\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.jsonl", JSON_LINES), ("x.ndjson.gz", gzip.compress(JSON_LINES, mtime=0)), ("x.json", JSON_LINES)],
)
def test_json_lines_are_numbered_and_a_bad_one_says_why(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    rows = list(open_rows(path))
    assert [(row.line, row.fields) for row in rows] == [(1, {"a": 1}), (3, None), (4, {"b": "é"}), (5, None)]
    assert "not valid JSON" in (rows[1].problem or "")
    assert rows[3].problem == "expected a JSON object"
    assert rows[-1].position <= len(content)


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "content",
    [
        MARK + b'{"a": 1}\n{"a": 2}\n',
        MARK + b'{"a": 1}\r\n' + MARK + b'{"a": 2}',  # two files laid end to end
        MARK + MARK + b'{"a": 1}\n{"a": 2}',  # the first of them was empty
        MARK + b'\r\n{"a": 1}\n{"a": 2}\n' + MARK,
        MARK + b'\n \n{"a": 1}\n{"a": 2}',
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_byte_order_mark_is_no_part_of_a_line(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(gzip.compress(content, mtime=0) if suffix.endswith(".gz") else content)
    assert [row.fields for row in open_rows(path)] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.csv"])
def test_another_encoding_is_named(tmp_path: Path, name: str, encoding: str) -> None:
    text = "prompt,response\na,b\n" if name == "x.csv" else '{"prompt": "a", "response": "b"}\n'
    path = tmp_path / name
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    with pytest.raises(MalformedBody, match=f"in {encoding[:6].upper()}: save it in UTF-8"):
        list(open_rows(path))


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_csv_cells_with_line_breaks_and_empty_cells(tmp_path: Path, name: str) -> None:
    content = b'\xef\xbb\xbfprompt,response,model\n"two\nlines",yes,\nq,r,m,surplus\n'
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    first, second = open_rows(path)
    assert first.fields == {"prompt": "two\nlines", "response": "yes"}
    assert second.fields is None
    assert second.problem == "1 cells more than the header names"


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("x.txt", b"", UnsupportedMediaType),
        ("x.parquet", b"", UnsupportedMediaType),
        ("absent/x.jsonl", None, NotFound),
        ("x.jsonl.gz", b"not a gzip", MalformedBody),
        ("x.jsonl.gz", gzip.compress(JSON_LINES, mtime=0)[:-6], MalformedBody),
        ("x.jsonl.gz", gzip.compress(JSON_LINES, mtime=0)[:10] + b"\xff" * 60, MalformedBody),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes | None, error: type[Exception]
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error):
        list(open_rows(path))
