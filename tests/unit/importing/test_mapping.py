from __future__ import annotations

from typing import Any

import pytest

from app.errors import InvalidRecord
from app.importing.mapping import map_row

LABELLED = {
    "id": "row-1",
    "task": "traffic",
    "source": "alpaca_eval",
    "prompt": "p",
    "response": "r",
    "context": None,
    "label": None,
    "meta": {"model": "falcon", "prompt_tokens": 3},
}


def test_a_labelled_row_maps_without_being_told() -> None:
    assert map_row(LABELLED, {}, 1) == {
        "id": "row-1",
        "prompt": "p",
        "response": "r",
        "model_name": "falcon",
        "metadata": {"task": "traffic", "source": "alpaca_eval", "meta": LABELLED["meta"]},
    }


@pytest.mark.parametrize(
    ("row", "chosen", "field", "value"),
    [
        ({"q": "ask"}, {"prompt": "q"}, "prompt", "ask"),
        ({"a": {"b": {"c": "deep"}}}, {"response": "a.b.c"}, "response", "deep"),
        ({"a.b": "dotted key", "a": {"b": "nested"}}, {"response": "a.b"}, "response", "dotted key"),
        ({"model": "m"}, {}, "model_name", "m"),
        ({"model_name": "n", "model": "m"}, {}, "model_name", "n"),
        ({"prompt": None}, {}, "prompt", ""),
        ({"prompt": "p"}, {"prompt": "absent"}, "prompt", ""),
        ({"prompt_tokens": "12"}, {}, "prompt_tokens", 12),
        ({"prompt_tokens": "12.0"}, {}, "prompt_tokens", 12),
        ({"completion_tokens": "1.2e1"}, {}, "completion_tokens", 12),
        ({"reasoning_tokens": "-0.0"}, {}, "reasoning_tokens", 0),
        ({"cache_read_tokens": "12.5"}, {}, "cache_read_tokens", 12.5),
        ({"cache_write_tokens": "1e400"}, {}, "cache_write_tokens", "1e400"),
        ({"prompt_tokens": "many"}, {}, "prompt_tokens", "many"),
        ({"response_time_ms": "1.5"}, {}, "response_time_ms", 1.5),
        ({"response_time_ms": "1e400"}, {}, "response_time_ms", "1e400"),
        ({"response_time_ms": float("inf")}, {}, "response_time_ms", "inf"),
        ({"prompt_tokens": "9" * 400}, {}, "prompt_tokens", int("9" * 400)),
        ({"id": 7}, {}, "id", "7"),
        ({"metadata": {"x": 1}, "y": 2}, {}, "metadata", {"x": 1, "y": 2}),
        ({"metadata": "north", "y": 2}, {}, "metadata", {"metadata": "north", "y": 2}),
        ({"meta": {"x": 1}, "y": 2}, {"metadata": "meta"}, "metadata", {"x": 1, "y": 2}),
    ],
)
def test_fields_are_found(row: dict[str, Any], chosen: dict[str, str], field: str, value: object) -> None:
    assert map_row({"response": "r"} | row, chosen, 1)[field] == value


@pytest.mark.parametrize(
    ("row", "chosen"),
    [
        ({"question": "q", "answer": "a"}, {}),
        ({"prompt": None, "response": None}, {}),
        ({"prompt": "p", "response": "r"}, {"prompt": "question", "response": "answer"}),
    ],
)
def test_a_row_without_prompt_and_response_tells_how_to_name_them(
    row: dict[str, Any], chosen: dict[str, str]
) -> None:
    with pytest.raises(InvalidRecord, match="--prompt-field"):
        map_row(row, chosen, 1)


@pytest.mark.parametrize("row", [{"prompt": ""}, {"response": ""}, {"prompt": "p", "response": None}])
def test_an_empty_text_is_a_text(row: dict[str, Any]) -> None:
    assert map_row(row, {}, 1)["response"] == ""


def test_a_row_without_an_id_gets_the_same_one_every_time_and_its_own() -> None:
    row = {"prompt": "p", "response": "r"}
    assert map_row(row, {}, 1)["id"] == map_row(dict(reversed(row.items())), {}, 1)["id"]
    assert map_row(row, {}, 1)["id"] != map_row(row, {}, 2)["id"]
    assert map_row(row, {}, 1)["id"] != map_row(row | {"response": "s"}, {}, 1)["id"]


@pytest.mark.parametrize(
    ("usage", "found"),
    [({"prompt_tokens": 3}, ({"prompt_tokens": 3}, None)), ("commercial use", (None, "commercial use"))],
)
def test_a_usage_that_is_no_object_is_a_column_of_another_meaning(
    usage: Any, found: tuple[dict[str, int] | None, str | None]
) -> None:
    record = map_row({"prompt": "p", "response": "r", "usage": usage}, {}, 1)
    assert (record.get("usage"), record.get("metadata", {}).get("usage")) == found
