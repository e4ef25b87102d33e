from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.errors import MonitorError
from app.experiments.remote import Server

DATASET = "5e9d8cbe-7e5e-4d5c-9be9-000000000001"
RUN = "5e9d8cbe-7e5e-4d5c-9be9-000000000002"
BASE = "5e9d8cbe-7e5e-4d5c-9be9-000000000003"
MOMENT = "2026-11-30T12:00:00Z"


class Api:
    """Answers as the API does: two items, and a run that is done at the third look."""

    def __init__(self, *, approved: str | None = BASE) -> None:
        self.dataset = {
            "dataset_id": DATASET, "name": "qa", "version": 3, "items": 2, "approved_run": approved,
            "created_at": MOMENT,
        }  # fmt: skip
        self.sent: list[Any] = []
        self.looks = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        place = request.url.path
        if request.method == "POST":
            self.sent.append(json.loads(request.content))
            return httpx.Response(202, json=self.run(RUN, 0))
        if place == "/datasets":
            return httpx.Response(200, json={"datasets": [self.dataset]})
        if place.endswith("/items"):
            return self.page(
                "items", [{"item_id": "a", "prompt": "one?"}, {"item_id": "b", "prompt": "two?"}], request
            )
        if place.endswith("/answers"):
            scored = [{"item_id": one, "passed": True, "scores": {"pii": 0.0}} for one in "ab"]
            return self.page("answers", scored, request)
        self.looks += 1
        return httpx.Response(200, json=self.run(place.rpartition("/")[2], min(self.looks, 2)))

    def page(self, name: str, rows: list[Any], request: httpx.Request) -> httpx.Response:
        begin = int(request.url.params.get("cursor", "0"))
        following = str(begin + 1) if begin + 1 < len(rows) else None
        return httpx.Response(200, json={"version": 3, name: rows[begin : begin + 1], "next": following})

    def run(self, run_id: str, done: int) -> dict[str, Any]:
        return {
            "run_id": run_id, "dataset_id": DATASET, "version": 3, "name": "r", "total": 2, "done": done,
            "state": "done" if done == 2 else "running", "missing": 0, "figures": None, "actor": "t",
            "created_at": MOMENT,
        }  # fmt: skip


def evaluate(
    folder: Path, answer: Callable[[httpx.Request], httpx.Response], rows: list[Any], baseline: str | None
) -> Any:
    path = folder / "new.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    told: list[int] = []
    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://api") as client:
        server = Server(client, pause=lambda _: None)
        found = server.evaluate(
            path, "qa", name=None, baseline=baseline, begin=lambda _name, _total: told.append
        )
    return found, told


ROWS = [{"id": "a", "response": "1"}, {"prompt": "two?", "response": "2", "scores": {"mine": 1}}]


def test_a_file_becomes_a_run_whose_scores_come_back(tmp_path: Path) -> None:
    api = Api()
    (found, told) = evaluate(tmp_path, api.answer, ROWS, "approved")
    assert [answer.item_id for answer in found.scored.run.answers] == ["a", "b"]
    assert (found.scored.run.missing, found.scored.run.problems, sum(told)) == ((), (), 2)
    assert len(found.base.answers) == 2
    (sent,) = api.sent
    assert (sent["name"], sent["dataset"], sent["version"]) == ("new", "qa", 3)
    assert sent["outputs"][1] == {"item_id": "b", "response": "2", "scores": {"mine": 1.0}}


def test_items_without_an_output_are_told_and_an_empty_file_sends_nothing(tmp_path: Path) -> None:
    api = Api()
    (found, _) = evaluate(tmp_path, api.answer, ROWS[:1], None)
    assert (found.scored.run.missing, found.base) == (("b",), None)
    empty = Api()
    (found, _) = evaluate(tmp_path, empty.answer, [], None)
    assert (found.scored.run.answers, found.scored.run.missing, empty.sent) == ((), ("a", "b"), [])


def away(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def no_key(_: httpx.Request) -> httpx.Response:
    problem = {"title": "Unauthorized", "detail": "A key is needed."}
    return httpx.Response(401, json=problem, headers={"content-type": "application/problem+json"})


def other(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"datasets": []})


@pytest.mark.parametrize(
    ("answer", "baseline", "said"),
    [
        (away, None, "No API answers at http://api"),
        (no_key, None, "LLM_MONITOR_API_KEY"),
        (other, None, "has no dataset called qa"),
        (Api(approved=None).answer, "approved", "has no approved baseline"),
        (Api().answer, "old.jsonl", "--baseline is approved or the id of a run"),
    ],
)
def test_what_keeps_a_run_from_being_judged_is_said(
    tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response], baseline: str | None, said: str
) -> None:
    with pytest.raises(MonitorError, match=said):
        evaluate(tmp_path, answer, ROWS, baseline)
