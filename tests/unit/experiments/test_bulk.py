from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config import Settings
from app.errors import MonitorError
from app.experiments.bulk import Bulk, evaluate_file

JOB = "5e9d8cbe-7e5e-4d5c-9be9-000000000001"
ERROR = {"line": 2, "field": "response", "message": "missing"}


class Api:
    """Answers as the API does: it breaks off at first, and is done at the third look."""

    def __init__(self, *refusals: int) -> None:
        self.refusals = list(refusals)
        self.sent: list[httpx.Request] = []
        self.looks = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.refusals:
            status = self.refusals.pop(0)
            if not status:
                raise httpx.ConnectError("reset")
            problem = {"detail": "send it again"}
            return httpx.Response(status, json=problem, headers={"Content-Type": "application/problem+json"})
        if request.method == "POST":
            request.read()
            self.sent.append(request)
            return httpx.Response(202, json=self.progress(0))
        if request.url.path.endswith("/results"):
            return httpx.Response(200, content=request.url.params["format"].encode())
        self.looks += 1
        return httpx.Response(200, json=self.progress(self.looks))

    def progress(self, done: int) -> dict[str, Any]:
        state = "done" if done == 3 else "running"
        return {
            "state": state, "job_id": JOB, "total": 3, "evaluated_count": done, "failed_count": 0,
            "rejected": 1, "errors": [ERROR],
        }  # fmt: skip


def evaluate(api: Api, path: Path, out: Path | None = None) -> tuple[Bulk, list[int], list[float]]:
    told: list[int] = []
    pauses: list[float] = []

    def begin(_: str, total: int) -> Callable[[int], None]:
        assert total == 3
        return told.append

    settings = Settings(api_key="lm_key")
    found = evaluate_file(
        path,
        settings,
        "http://api",
        out=out,
        begin=begin,
        pause=pauses.append,
        transport=httpx.MockTransport(api.answer),
    )
    return found, told, pauses


def test_a_file_is_sent_once_more_with_its_key_and_its_results_are_written(tmp_path: Path) -> None:
    path, out = tmp_path / "calls.jsonl.gz", tmp_path / "scores.csv"
    path.write_bytes(gzip.compress(json.dumps({"prompt": "a", "response": "b"}).encode()))
    api = Api(0, 503)
    found, told, pauses = evaluate(api, path, out)
    assert found == Bulk("done", 3, 3, 0, 1, ("line 2: response: missing",))
    assert (told, len(pauses)) == ([1, 1, 1], 5)
    (sent,) = api.sent
    assert sent.content == path.read_bytes()
    names = ("content-type", "content-encoding", "authorization")
    assert [sent.headers[name] for name in names] == ["application/x-ndjson", "gzip", "Bearer lm_key"]
    assert sent.headers["idempotency-key"]
    assert out.read_text() == "csv"


@pytest.mark.parametrize(
    ("name", "refusals", "words"),
    [
        ("calls.txt", (), "expected .json"),
        ("calls.csv", (413,), "send it again"),
        ("calls.csv", (0,) * 10, "No API answers"),
        ("absent.csv", (), "No such file"),
    ],
)
def test_what_cannot_be_sent_says_why(
    tmp_path: Path, name: str, refusals: tuple[int, ...], words: str
) -> None:
    if name != "absent.csv":
        (tmp_path / name).write_text("prompt,response\na,b\n")
    with pytest.raises(MonitorError, match=words):
        evaluate(Api(*refusals), tmp_path / name)
