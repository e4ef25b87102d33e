"""Cells of tables: what they say for fields that are more than text, beside what is nearly that."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from app.importing.cells import read_cell
from app.importing.sending import Report, Target, cut_batches
from app.schemas.records import read_record
from monitoring.models import Record


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ("beta", ["beta"]),
        ("beta;shop", ["beta", "shop"]),
        (" beta ; shop ;", ["beta", "shop"]),
        (";;", []),
        ("two words;x", ["two words", "x"]),
        ('["beta", "a;b"]', ["beta", "a;b"]),
        ("[]", []),
        ("beta,shop", ["beta,shop"]),  # a comma separates nothing
        ("beta|shop", ["beta|shop"]),
        ("[draft];beta", ["[draft]", "beta"]),  # no JSON
        ("[draft", ["[draft"]),
        ('{"a": 1}', ['{"a": 1}']),
        ("[" * 100_000, ["[" * 100_000]),
    ],
)
def test_tags_are_separated_by_semicolons_or_are_an_array(cell: str, tags: list[str]) -> None:
    assert read_cell("tags", cell) == tags


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("context", '["one", "two"]', ["one", "two"]),
        ("context", "one;two", "one;two"),
        ("context", "[1] See the report.", "[1] See the report."),
        ("context", "[1, 2]", "[1, 2]"),
        ("context", "[]", "[]"),
        ("metadata", '{"shop": "north", "n": 1}', {"shop": "north", "n": 1}),
        ("metadata", "north", "north"),
        ("metadata", "[1]", "[1]"),
        ("messages", '[{"role": "user", "content": "Hi"}]', [{"role": "user", "content": "Hi"}]),
        ("messages", "Hi", "Hi"),
        ("check_pii", "FALSE", False),
        ("check_bias", " true ", True),
        ("check_pii", "no", "no"),
        ("prompt", '["a", "b"]', '["a", "b"]'),
        ("user_id", "a;b", "a;b"),
        ("error", '{"code": 1}', '{"code": 1}'),
    ],
)
def test_a_cell_is_read_for_its_field(name: str, cell: str, value: object) -> None:
    assert read_cell(name, cell) == value


def sent(path: Path, **chosen: str) -> Record:
    (batch,) = cut_batches(path, Target("http://api", "live", chosen), Report())
    return read_record(batch.body)


def test_a_table_becomes_a_record_that_the_api_takes(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    with file.open("w", newline="") as text:
        table = csv.writer(text)
        table.writerow(["prompt", "response", "labels", "context", "metadata", "check_pii", "shop"])
        table.writerow(["Is it?", "It is.", "beta; shop", '["One.", "Two."]', '{"n": 1}', "False", "north"])
    record = sent(file, tags="labels")
    assert record.tags == ("beta", "shop")
    assert record.context == ("One.", "Two.")
    assert (record.metadata, record.skip) == ({"n": 1, "shop": "north"}, ("pii",))


def test_lines_of_json_say_themselves_what_they_are(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    row = {"prompt": "Is it?", "response": "It is.", "tags": ["a;b"], "context": '["One.", "Two."]'}
    file.write_text(json.dumps(row))
    record = sent(file)
    assert (record.tags, record.context) == (("a;b",), ('["One.", "Two."]',))
