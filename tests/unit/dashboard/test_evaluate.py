"""Pairs that are pasted, what is sent of them, and what their scores look like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from plotly.io.json import to_json_plotly

from app.errors import InvalidParameter, InvalidRecord
from dashboard.data.pairs import LONGEST_PAIRS, read_pairs
from dashboard.data.view import View
from dashboard.drawing.evaluation import RESULT_COLUMNS, evaluation_shown, result_rows
from dashboard.pages.evaluate import read_evaluation, start_evaluation
from dashboard.settings.section import Asked
from tests.unit.dashboard.settings_rig import Api, signed_in

JOB = "0199f3a2-0000-4000-8000-000000000001"
TRACE = "0199f3a2-0000-7000-8000-000000000001"
LOST = "0199f3a2-0000-7000-8000-000000000002"


@pytest.fixture(autouse=True)
def person() -> Iterator[None]:
    with signed_in():
        yield


def result(**changes: Any) -> dict[str, Any]:
    return {
        "trace_id": TRACE,
        "quality_score": 0.5,
        "safety_score": 1.0,
        "is_safe": True,
        "safety_flags": [],
        "cost_usd": 0.01,
        "model_name": "gpt-4",
    } | changes


ANSWER = {
    "state": "done",
    "evaluated_count": 1,
    "errors": [{"line": 2, "field": "prompt", "message": "must be a text"}],
    "results": [
        result(model_name="=HYPERLINK(1)", is_safe=False, safety_flags=["pii_leak", "toxicity"]),
        result(trace_id=LOST, quality_score=None, safety_score=None, is_safe=None, cost_usd=None),
    ],
    "failed": [LOST],
}


@pytest.mark.parametrize(
    "text",
    [
        '[{"prompt": "a", "response": "b"}]',
        '\ufeff{"prompt": "a", "response": "b"}\n\n',
        '{"prompt": "a",\r\n'.replace(",\r\n", ', "response": "b"}\r\n'),
        "prompt,response\na,b\n",
        '"prompt", response \r\na,"b"\r\n'.replace('", ', '",'),
    ],
)
def test_pairs_are_read_in_each_shape(text: str) -> None:
    (record,) = read_pairs(text)
    assert (record["prompt"], record["response"]) == ("a", "b")


def test_other_columns_of_a_table_are_kept() -> None:
    (record,) = read_pairs("prompt,response,model,shop,tags\na,b,gpt-4,north,x; y\n")
    assert (record["model_name"], record["metadata"], record["tags"]) == (
        "gpt-4",
        {"shop": "north"},
        ["x", "y"],
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \n", "nothing to score"),
        ("[1]", "number 1 of the list is not an object"),
        ("[", "cannot be read"),
        ('{"prompt": "a"}\n{"prompt"', "line 2 is not JSON"),
        ("question,answer\na,b\n", "no prompt and response"),
        ("prompt,response\n", "no row"),
        ('prompt,response\n"a,b', "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("x" * (LONGEST_PAIRS + 1), "longer than 700,000"),
        (json.dumps([{}] * 1001), "1,001 pairs"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(text: str, said: str) -> None:
    with pytest.raises(InvalidRecord, match=said):
        read_pairs(text)


async def test_an_evaluation_is_a_job_that_the_address_names() -> None:
    api = Api(
        {
            "POST /evaluate": httpx.Response(202, json={"job_id": JOB}),
            f"GET /evaluate/{JOB}": httpx.Response(200, json=ANSWER),
        }
    )
    assert await start_evaluation(api.sources, "team", '{"prompt": "a", "response": "b"}') == JOB
    assert api.asked[0].headers["prefer"] == "respond-async"
    assert json.loads(api.asked[0].content) == [{"prompt": "a", "response": "b"}]
    assert await read_evaluation(api.sources, Asked(View("team"), {"job": JOB})) == ANSWER
    assert await read_evaluation(api.sources, Asked(View("team"), {})) is None
    with pytest.raises(InvalidParameter):
        await read_evaluation(api.sources, Asked(View("team"), {"job": "../jobs"}))


def test_results_are_numbered_as_the_pairs_were() -> None:
    shown = to_json_plotly(evaluation_shown(ANSWER, "?job=1"))
    assert (
        "1 of 2 pairs are scored, 1 of them flagged. Their mean quality is 0.50. 1 pairs were refused."
        in shown
    )
    assert f"?job=1&trace={TRACE}" in shown
    assert "prompt: must be a text" in shown
    assert "it could not be scored" in shown
    assert "continues by itself" in to_json_plotly(evaluation_shown({**ANSWER, "state": "running"}, ""))


def test_a_file_of_results_has_a_row_for_every_pair() -> None:
    rows = list(result_rows(ANSWER))
    assert [row["line"] for row in rows] == [1, 2, 3]
    assert {name for row in rows for name in row} == {one.name for one in RESULT_COLUMNS}
    assert (rows[0]["safety_flags"], rows[0]["is_safe"]) == (["pii_leak", "toxicity"], False)
    assert (rows[1]["error"], "trace_id" in rows[1]) == ("prompt: must be a text", False)
    assert rows[2]["error"] == "it could not be scored"
