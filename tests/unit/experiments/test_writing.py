from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from app.experiments.judging import Gates, Judgement, ScoredRun, judge
from app.experiments.reading import read_outputs
from app.experiments.writing import to_junit, to_lines, to_markdown
from monitoring.experiments.answers import Answer
from monitoring.experiments.gates import Outcome, parse_condition
from monitoring.experiments.scoring import Output
from monitoring.models import Record

HOSTILE = "<script>alert(1)</script> | @everyone `x` \x1b[31m\x00 [a](http://b)\n## c"


def run(name: str, value: float, items: int = 10) -> ScoredRun:
    return ScoredRun(
        name,
        [Answer(item_id=f"{HOSTILE}{n}", passed=value >= 0.5, scores={"mine": value}) for n in range(items)],
    )


def judged(*conditions: str, base: ScoredRun | None = None, of: ScoredRun | None = None) -> Judgement:
    gates = Gates(tuple(map(parse_condition, conditions)), fail_on_regression=base is not None)
    return judge(of or run(HOSTILE, 0.4), (), gates, base)


@pytest.mark.parametrize(
    ("judgement", "failures", "errors"),
    [
        (judged("pass_rate>0.5"), 0, 0),
        (judged("pass_rate<0.5"), 1, 0),
        (judged("pass_rate<0.5", "nothing<1"), 1, 1),
        (judged(base=run("old", 0.9)), 2, 0),
        (judged(base=run("old", 0.9, 11)), 0, 1),
        (judged(of=ScoredRun("r", [], ("a",), ("line 1: no",))), 0, 3),
    ],
)
def test_junit_has_one_case_for_each_gate(judgement: Judgement, failures: int, errors: int) -> None:
    (suite,) = ET.fromstring(to_junit(judgement))  # noqa: S314 it was written here
    counted = [int(suite.attrib[name]) for name in ("tests", "failures", "errors")]
    assert counted == [len(judgement.findings), failures, errors]
    assert len(suite.findall("testcase/failure")) == failures
    assert len(suite.findall("testcase/error")) == errors


def test_texts_of_others_are_no_markup_in_a_summary() -> None:
    told = to_markdown(judged("pass_rate<0.5", base=run(HOSTILE, 0.9)))
    assert "<script" not in told
    assert "\x1b" not in told
    assert "\n## c" not in told
    assert "@everyone" not in told
    for line in told.splitlines():
        if line.startswith("|"):
            columns = line.replace("\\|", "").count("|")
            assert columns in {3, 4, 7}


def test_a_summary_says_the_outcome_first() -> None:
    assert to_markdown(judged("pass_rate<0.5", of=run("r", 0.4))).startswith("## ❌ r failed\n")
    assert to_markdown(judged(of=run("r", 0.4))).startswith("## ✅ r passed\n")
    assert to_markdown(judged("a<1", of=run("r", 0.4))).startswith("## ⚠️ r could not be judged\n")
    told = to_markdown(judged(base=run("old", 0.9), of=run("new", 0.4)))
    assert "new is worse by 0.5 (0.5 to 0.5): 10 of 10 items changed" in told
    assert "Items that changed most" in told


def test_rows_and_items_that_are_missing_leave_nothing_to_judge() -> None:
    judgement = judged(of=ScoredRun("r", run("r", 0.9).answers, ("a", "b"), ("line 1: no",)))
    assert judgement.outcome is Outcome.UNJUDGED
    assert [finding.reason for finding in judgement.findings] == [
        "1 rows could not be used; line 1: no",
        "2 items have no answer: a, b",
    ]


def test_what_is_written_can_be_read_as_a_baseline(tmp_path: Path) -> None:
    outputs = [
        Output(
            item_id="a",
            record=Record(prompt="p", response="r", context=("c",), reference="e"),
            own={"m": 1.0},
        ),
        Output(item_id="b", record=Record(prompt="q", response="", error="timeout")),
    ]
    answers = [Answer(item_id=one.item_id, passed=True, scores={"bias": 0.0}) for one in outputs]
    lines = b"".join(to_lines(outputs, answers))
    assert json.loads(lines.splitlines()[0])["evaluation"]["scores"] == {"bias": 0.0}
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines)
    again, problems = read_outputs(path)
    assert problems == ()
    assert [(o.item_id, o.record.prompt, o.record.response, o.own) for o in again] == [
        ("a", "p", "r", {"m": 1.0}),
        ("b", "q", "", {}),
    ]
    assert (again[0].record.reference, again[1].record.error) == ("e", "timeout")
