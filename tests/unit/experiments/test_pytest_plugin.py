from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from monitoring.evaluation import find_evaluators
from monitoring.experiments.scoring import Output, score_outputs
from monitoring.models import Record

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[3]
TEST = """
import pytest

@pytest.mark.llm_monitor(dataset="qa.jsonl", evaluators=["pii"], repetitions=2, fail_if=["CONDITION"])
def test_answers(llm_item, llm_output, llm_score):
    llm_score("mine", 0.25)
    assert llm_output("The answer to " + llm_item.prompt + " is ANSWER").passed
"""
ITEMS = [{"id": "a", "prompt": "one?"}, {"id": "b", "prompt": "two?"}]


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Import everything once: a pytester forgets modules, and numba cannot be imported twice."""
    score_outputs([Output(item_id="a", record=Record(prompt="p", response="r"))], find_evaluators())


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(source)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (pytester.path / "qa.jsonl").write_text("\n".join(map(json.dumps, ITEMS)))
    noise = "ignore::pluggy.PluggyTeardownRaisedWarning"
    plugin = ("-p", "no:llm_monitor", "-p", "app.pytest_plugin")  # whether or not it is installed
    return pytester.runpytest_inprocess("-W", noise, "-p", "no:dash", "-p", "no:valkey", *plugin, *arguments)


def made(condition: str = "pass_rate<1", answer: str = "Paris") -> str:
    return TEST.replace("CONDITION", condition).replace("ANSWER", answer)


def test_the_plugin_is_an_entry_point() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert declared["pytest11"] == {"llm_monitor": "app.pytest_plugin"}


def test_a_test_runs_for_each_item_and_repetition(pytester: pytest.Pytester) -> None:
    result = run(pytester, made(), "--llm-monitor-out", "out.jsonl", "-v")
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*test_answers?b-1? PASSED*", "qa.jsonl: 4 of 4 outputs passed (100.0%)"])
    lines = [json.loads(line) for line in (pytester.path / "out.jsonl").read_text().splitlines()]
    assert [(one["id"], one["repetition"], one["scores"]) for one in lines] == [
        (item, n, {"mine": 0.25}) for item in "ab" for n in range(2)
    ]


@pytest.mark.parametrize(
    ("source", "passed", "failed", "status", "said"),
    [
        (
            made(answer="at 4556 7375 8689 9855, ann.lee@acme-corp.de"),
            0,
            4,
            1,
            "failed fail if pass_rate < 1",
        ),
        (made("mine<0.5"), 4, 0, 1, "failed fail if mine < 0.5: mine is 0.25"),
        (made("nothing<0.5"), 4, 0, 1, "could not be judged fail if nothing < 0.5"),
        (made("pass_rate"), 4, 0, 1, "is no condition"),
        (made().replace("assert llm_output", "assert str"), 0, 4, 1, "This test logged no output"),
        (made().replace("qa.jsonl", "no.jsonl"), 0, 0, 2, "no.jsonl"),
        (made().replace("repetitions=2", "repetitions=0"), 0, 0, 2, "takes dataset, evaluators"),
    ],
)
def test_what_fails_or_cannot_be_judged_does_not_pass(
    pytester: pytest.Pytester, source: str, passed: int, failed: int, status: int, said: str
) -> None:
    result = run(pytester, source.replace(".passed", "")) if "logged" in said else run(pytester, source)
    outcomes = result.parseoutcomes()
    assert (outcomes.get("passed", 0), outcomes.get("failed", 0)) == (passed, failed)
    assert result.ret == status
    assert said in result.stdout.str() + result.stderr.str()


def test_other_tests_are_left_alone(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_one(): assert True")
    result.assert_outcomes(passed=1)
    assert "outputs of models" not in result.stdout.str()
