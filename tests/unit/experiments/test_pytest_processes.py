"""The plugin of pytest where pytest-xdist runs the tests in several processes."""

from __future__ import annotations

import json

import pytest

pytest_plugins = ["pytester"]

TEST = """
import os
import pytest

@pytest.mark.llm_monitor(dataset="qa.jsonl", evaluators=["pii"], repetitions=2, fail_if=["CONDITION"])
def test_answers(llm_item, llm_output, llm_score, worker_id, request):
    llm_score("second", float(llm_item.item_id in "cd"))
    llm_score("worker", 0 if worker_id == "master" else int(worker_id.removeprefix("gw")))
    BEFORE
    llm_output("The answer to " + llm_item.prompt + " is Paris")
    AFTER
"""
# Every process that keeps a run says so.
CONFTEST = """
from pathlib import Path
from app.experiments.remote import Server

def keep(self, dataset, name, outputs):
    with Path("kept.txt").open("a") as file:
        file.write(f"{dataset} {name} {len(outputs)}\\n")

Server.keep = keep
"""
ITEMS = [{"id": name, "prompt": f"{name}?"} for name in "abcd"]
OUT = ("--llm-monitor-out", "out.jsonl", "--llm-monitor-url", "http://127.0.0.1:9")


def run(
    pytester: pytest.Pytester, *arguments: str, condition: str = "pass_rate<1", **statements: str
) -> pytest.RunResult:
    source = TEST.replace("CONDITION", condition)
    for place in ("BEFORE", "AFTER"):
        source = source.replace(place, statements.get(place.lower(), "pass"))
    pytester.makepyfile(source)
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (pytester.path / "qa.jsonl").write_text("\n".join(map(json.dumps, ITEMS)))
    plugins = ("no:dash", "no:valkey", "no:cacheprovider", "no:llm_monitor", "app.pytest_plugin")
    chosen = [word for plugin in plugins for word in ("-p", plugin)]
    return pytester.runpytest_subprocess(*chosen, *arguments, timeout=120)


def lines(pytester: pytest.Pytester) -> list[tuple[str, int, float]]:
    text = (pytester.path / "out.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    return [(row["id"], row["repetition"], row["scores"]["worker"]) for row in rows]


@pytest.mark.parametrize("processes", [0, 2])
def test_all_processes_make_one_run(pytester: pytest.Pytester, processes: int) -> None:
    result = run(pytester, "-n", str(processes), *OUT)
    assert result.ret == 0, result.stdout.str()
    result.assert_outcomes(passed=8)
    found = lines(pytester)
    assert [(item, repetition) for item, repetition, _ in found] == [(i, n) for i in "abcd" for n in (0, 1)]
    assert len({worker for *_, worker in found}) == max(processes, 1)
    assert (pytester.path / "kept.txt").read_text() == "qa.jsonl pytest 8\n"
    told = [line for line in result.outlines if "outputs passed" in line]
    assert told == ["qa.jsonl: 8 of 8 outputs passed (100.0%)"]


@pytest.mark.parametrize(
    ("condition", "status", "said"),
    [
        # Half of the outputs have the score, so this is so of all, and of no process by chance.
        ("second>0.5", 0, "passed fail if second > 0.5"),
        ("second<0.6", 1, "failed fail if second < 0.6: second is 0.5"),
        ("nothing<0.6", 1, "could not be judged fail if nothing < 0.6"),
    ],
)
def test_conditions_are_judged_once_over_all(
    pytester: pytest.Pytester, condition: str, status: int, said: str
) -> None:
    result = run(pytester, "-n", "2", condition=condition)
    assert result.ret == status, result.stdout.str()
    result.assert_outcomes(passed=8)
    assert sum(said in line for line in result.outlines) == 1, result.stdout.str()


@pytest.mark.parametrize(
    ("statements", "outputs"),
    [
        ({"after": 'assert not request.node.name.endswith("b-1]")'}, 8),
        ({"before": 'assert not request.node.name.endswith("b-1]")'}, 7),
        ({"before": 'request.node.name.endswith("b-1]") and os._exit(1)'}, 7),
        ({"after": 'request.node.name.endswith("b-1]") and os._exit(1)'}, 7),
    ],
    ids=["fails after", "fails before", "dies before", "dies after"],
)
def test_a_test_or_a_process_that_fails_takes_nothing_of_others_along(
    pytester: pytest.Pytester, statements: dict[str, str], outputs: int
) -> None:
    result = run(pytester, "-n", "2", **statements)
    assert result.ret == 1, result.stdout.str()
    result.assert_outcomes(passed=7, failed=1)
    result.stdout.fnmatch_lines([f"qa.jsonl: {outputs} of {outputs} outputs passed*"])
