"""`llm-monitor evaluate` as a build runs it: a process of its own, whose exit status decides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import httpx
import pytest

from tests.e2e.stack import running_stack

GOOD = "The capital of France is Paris, a city on the river Seine."
LEAK = "Her card is 4556 7375 8689 9855 and her number is 078-05-1120, write to ann.lee@acme-corp.de."
WORSE = "I think that somebody else could know more about this than the people of our small office."
MANY = [{"id": str(n), "prompt": f"What is the capital of France, in {n} words?"} for n in range(12)]
ITEMS = MANY[:8]


def outputs(*responses: str) -> list[dict[str, Any]]:
    return [{**item, "response": text} for item, text in zip(MANY, responses, strict=False)]


PASSING = outputs(*[GOOD] * 8)
LEAKING = outputs(*[GOOD] * 7, LEAK)
EMPTY = outputs(*[""] * 8)


class Ended(NamedTuple):
    status: int
    said: str


def run(folder: Path, *arguments: str, environment: dict[str, str] | None = None, **files: Any) -> Ended:
    """Run the command in a folder with these files of JSON lines."""
    for name, rows in files.items():
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", "evaluate", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


@pytest.mark.long
def test_a_build_passes_and_keeps_what_was_scored(tmp_path: Path) -> None:
    ended = run(
        tmp_path, "new.jsonl", "--dataset", "items.jsonl", "--fail-if", "pass_rate<0.95", "--fail-if",
        "flags.pii_leak>0", "--baseline", "old.jsonl", "--fail-on-regression", "--junit", "j.xml",
        "--markdown", "m.md", "--out", "out.jsonl", new=PASSING, old=PASSING, items=ITEMS,
    )  # fmt: skip
    assert ended.status == 0, ended.said
    assert "no difference can be claimed: 0 of 8 items changed" in ended.said
    (suite,) = ET.parse(tmp_path / "j.xml").getroot()  # noqa: S314 it was written here
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "0")
    assert (tmp_path / "m.md").read_text(encoding="utf-8").startswith("## ✅ new passed")
    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 8


@pytest.mark.long
def test_a_build_fails(tmp_path: Path) -> None:
    ended = run(tmp_path, "new.jsonl", "--fail-if", "flags.pii_leak>0", "--junit", "j.xml", new=LEAKING)
    assert ended.status == 1, ended.said
    assert "flags.pii_leak is 1" in ended.said
    (suite,) = ET.parse(tmp_path / "j.xml").getroot()  # noqa: S314 it was written here
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")


@pytest.mark.long
def test_a_build_that_cannot_be_judged_does_not_pass(tmp_path: Path) -> None:
    ended = run(
        tmp_path, "new.jsonl", "--dataset", "items.jsonl", "--fail-if", "pass_rate<0.95",
        new=PASSING[:7], items=ITEMS,
    )  # fmt: skip
    assert ended.status == 2, ended.said
    assert "1 items have no answer: 7" in ended.said


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "files", "status", "said"),
    [
        (("--fail-if", "pass_rate<0.95"), {"new": LEAKING[6:] + PASSING[:1]}, 1, "pass_rate is"),
        (
            ("--baseline", "old.jsonl", "--fail-on-regression"),
            {"new": outputs(*[WORSE] * 12), "old": outputs(*[GOOD] * 12)},
            1,
            "new is worse",
        ),
        (
            ("--baseline", "old.jsonl", "--fail-on-regression"),
            {"new": EMPTY, "old": PASSING},
            2,
            "no value for",
        ),
        (("--fail-if", "pass_rate<0"), {"new": []}, 2, "there is no answer"),
        ((), {"new": []}, 2, "there is no answer"),
        ((), {"new": ["{"]}, 2, "not valid JSON"),
        (("--fail-if", "pass_rate<0"), {"new": [*PASSING, {"prompt": "p"}]}, 2, "the row has no response"),
        (("--fail-if", "scores.politeness<0"), {"new": PASSING}, 2, "no answer has the score politeness"),
        (("--fail-if", "flags.nothing>0"), {"new": PASSING}, 2, "no evaluator that ran raises the flag"),
        (("--fail-if", "flags.hallucination>0"), {"new": PASSING}, 2, "8 of 8 answers have no value"),
        (("--fail-if", "pass_rate"), {"new": PASSING}, 2, "is no condition"),
        (("--evaluator", "nothing"), {"new": PASSING}, 2, "there is no evaluator nothing"),
        (("--baseline", "old.jsonl", "--fail-on-regression"), {"new": PASSING}, 2, "old.jsonl"),
        (("--fail-on-regression",), {"new": PASSING}, 2, "needs --baseline"),
        ((), {}, 2, "new.jsonl"),
        (("--dataset", "qa", "--url", "http://127.0.0.1:9"), {"new": PASSING}, 2, "No API answers at"),
        (("--baseline", "approved"), {"new": PASSING}, 2, "needs --dataset"),
    ],
)
def test_every_reason_has_its_status(
    tmp_path: Path, arguments: tuple[str, ...], files: dict[str, Any], status: int, said: str
) -> None:
    ended = run(tmp_path, "new.jsonl", *arguments, **files)
    assert ended.status == status, ended.said
    assert said in " ".join(ended.said.split())
    assert "Traceback" not in ended.said


@pytest.mark.long
def test_a_build_is_compared_with_the_approved_run_of_a_server(tmp_path: Path) -> None:
    with (
        running_stack("--api-only", workers=1) as stack,
        httpx.Client(base_url=stack.api, timeout=60) as client,
    ):
        items = [{"item_id": one["id"], "prompt": one["prompt"]} for one in ITEMS]
        client.post("/datasets", json={"name": "qa", "items": items}).raise_for_status()
        of_server = ("new.jsonl", "--dataset", "qa", "--url", stack.api)
        asked = (
            *of_server,
            "--baseline",
            "approved",
            "--fail-on-regression",
            "--fail-if",
            "flags.pii_leak>0",
        )
        ended = run(tmp_path, *asked, new=PASSING)
        assert (ended.status, "has no approved baseline" in ended.said) == (2, True), ended.said
        assert run(tmp_path, *of_server, new=PASSING).status == 0
        (first,) = client.get("/experiments").json()["experiments"]
        client.post(f"/experiments/{first['run_id']}/approve").raise_for_status()
        assert run(tmp_path, *asked, new=PASSING).status == 0
        assert run(tmp_path, *asked, new=LEAKING).status == 1
        assert run(tmp_path, *asked, new=PASSING[1:]).status == 2
