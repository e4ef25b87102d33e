from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.errors import MalformedBody
from app.experiments.reading import missing_items, read_items, read_outputs
from app.schemas.datasets import Item, content_id

ITEMS = (
    Item(item_id="a", prompt="one?", reference="1", context=("one is 1",)),
    Item(item_id="b", prompt="two?"),
)


def write(folder: Path, *rows: Any, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "item_id", "prompt", "response"),
    [
        ({"id": "a", "prompt": "one?", "response": "1"}, "a", "one?", "1"),
        ({"item_id": 7, "input": "one?", "output": "1"}, "7", "one?", "1"),
        ({"question": "one?", "answer": ""}, content_id("one?"), "one?", ""),
        ({"prompt": "p", "input": "i", "response": "r"}, content_id("p"), "p", "r"),
    ],
)
def test_a_row_is_an_output_under_any_usual_name(
    tmp_path: Path, row: dict[str, Any], item_id: str, prompt: str, response: str
) -> None:
    (found,), problems = read_outputs(write(tmp_path, row))
    assert (found.item_id, found.record.prompt, found.record.response) == (item_id, prompt, response)
    assert problems == ()


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{", "not valid JSON"),
        ("[]", "expected a JSON object"),
        ({"prompt": "p"}, "the row has no response"),
        ({"prompt": "p", "response": None}, "the row has no response"),
        ({"prompt": "p", "response": "r", "scores": [1]}, "scores is not an object"),
        ({"prompt": "p", "response": "r", "scores": {"a": "high"}}, "scores is not an object"),
        ({"prompt": "p", "response": "r", "response_time_ms": -1}, "response_time_ms"),
    ],
)
def test_a_row_that_is_no_output_is_a_problem_with_its_line(tmp_path: Path, row: Any, problem: str) -> None:
    found, problems = read_outputs(write(tmp_path, {"prompt": "p", "response": "r"}, row))
    assert len(found) == 1
    (told,) = problems
    assert told.startswith("line 2: ")
    assert problem in told


def test_rows_of_one_item_are_repetitions_with_scores_of_their_own(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "prompt": "p", "response": str(n), "scores": {"mine": n, "ok": True}} for n in range(3)
    ]
    found, _ = read_outputs(write(tmp_path, *rows))
    assert [one.repetition for one in found] == [0, 1, 2]
    assert found[2].own == {"mine": 2.0, "ok": 1.0}


def test_a_table_is_read_as_lines_are(tmp_path: Path) -> None:
    path = write(tmp_path, "id,prompt,response,scores", 'a,p,r,"{""mine"": 0.5}"', "b,p,r,high", name="t.csv")
    (found,), problems = read_outputs(path)
    assert (found.item_id, found.own) == ("a", {"mine": 0.5})
    assert problems == ("line 3: scores is not a JSON object of numbers",)


def test_what_a_row_does_not_say_comes_from_its_item(tmp_path: Path) -> None:
    path = write(tmp_path, {"id": "a", "response": "1"}, {"prompt": "two?", "response": "2"})
    found, problems = read_outputs(path, ITEMS)
    assert [(one.item_id, one.record.prompt, one.record.response) for one in found] == [
        ("a", "one?", "1"),
        ("b", "two?", "2"),
    ]
    assert (found[0].record.reference, found[0].record.context) == ("1", ("one is 1",))
    assert (problems, missing_items(found, ITEMS), missing_items(found[:1], ITEMS)) == ((), (), ("b",))


def test_a_row_of_another_dataset_is_a_problem_unless_it_may_be(tmp_path: Path) -> None:
    path = write(
        tmp_path, {"id": "c", "prompt": "three?", "response": "3"}, {"prompt": "four?", "response": "4"}
    )
    assert read_outputs(path, ITEMS).problems == (
        "line 1: the dataset has no item c",
        "line 2: the dataset has no item with this prompt",
    )
    assert [one.item_id for one in read_outputs(path, ITEMS, only_items=False).outputs] == [
        "c",
        content_id("four?"),
    ]


def test_items_are_read_with_everything_that_they_hold(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "prompt": "p", "expected_output": "e", "context": ["c"], "split": "test", "level": 3},
        {"input": "q"},
    ]
    assert read_items(write(tmp_path, *rows)) == (
        Item(item_id="a", prompt="p", reference="e", context=("c",), split="test", metadata={"level": 3}),
        Item(item_id=content_id("q"), prompt="q"),
    )


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "there is no item"),
        ([{"response": "r"}], "line 1: the row has no prompt"),
        ([{"id": "a", "prompt": "p"}] * 2, "line 2: the item a appears twice"),
    ],
)
def test_a_file_of_items_is_whole_or_refused(tmp_path: Path, rows: list[Any], problem: str) -> None:
    with pytest.raises(MalformedBody, match=problem):
        read_items(write(tmp_path, *rows))
