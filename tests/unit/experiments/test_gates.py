from __future__ import annotations

from typing import Any

import pytest

from monitoring.experiments.answers import Answer
from monitoring.experiments.comparison import compare
from monitoring.experiments.gates import (
    Condition,
    Finding,
    Outcome,
    judge_conditions,
    judge_regression,
    parse_condition,
    worst,
)

PASSED, FAILED, UNJUDGED = Outcome.PASSED, Outcome.FAILED, Outcome.UNJUDGED
RAISERS = {"pii_leak": ["pii"], "hallucination": ["hallucination"]}


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("pass_rate<0.95", Condition("pass_rate", "<", 0.95)),
        (" flags.pii_leak >= 1 ", Condition("flags.pii_leak", ">=", 1.0)),
        ("scores.my score!=0", Condition("scores.my score", "!=", 0.0)),
        ("relevance==1e-3", Condition("relevance", "==", 0.001)),
        ("pass_rate", None),
        ("pass_rate<", None),
        ("<0.95", None),
        ("pass_rate<nan", None),
        ("pass_rate<inf", None),
        ("pass_rate<a", None),
        ("pass_rate<0.95 or flags>0", None),
        ("pass_rate=0.95", None),
        ("", None),
    ],
)
def test_a_condition_is_a_metric_a_comparison_and_a_number(text: str, condition: Condition | None) -> None:
    if condition is None:
        with pytest.raises(ValueError, match=r"as pass_rate<0\.95"):
            parse_condition(text)
    else:
        assert parse_condition(text) == condition
        assert parse_condition(str(condition)) == condition


def answer(item: str = "a", *, good: bool | None = True, **fields: Any) -> Answer:
    told: dict[str, Any] = {"scores": {"pii": 0.1, "relevance": 0.8}, **fields}
    return Answer(item_id=item, passed=good, **told)


GOOD = [answer(str(n)) for n in range(9)]
BAD = answer("bad", good=False, flags=("pii_leak",))
DUMB = answer("dumb", scores={"pii": 0.0}, unknown={"relevance": "language_unsupported"})
BROKEN = answer("broken", good=None, failed={"pii": "ValueError: no"})


@pytest.mark.parametrize(
    ("condition", "answers", "outcome", "reason"),
    [
        ("pass_rate<0.95", GOOD, PASSED, "pass_rate is 1"),
        ("pass_rate<0.95", [*GOOD, BAD], FAILED, "pass_rate is 0.9"),
        ("pass_rate<0.9", [*GOOD, BAD], PASSED, "pass_rate is 0.9"),
        ("flags.pii_leak>0", GOOD, PASSED, "flags.pii_leak is 0"),
        ("flags.pii_leak>0", [*GOOD, BAD], FAILED, "flags.pii_leak is 1"),
        ("flags>0", [*GOOD, BAD], FAILED, "flags is 1"),
        ("relevance<0.5", GOOD, PASSED, "relevance is 0.8"),
        ("scores.relevance<0.9", GOOD, FAILED, "scores.relevance is 0.8"),
        ("items<9", GOOD, PASSED, "items is 9"),
        ("answers<20", GOOD, FAILED, "answers is 9"),
        ("pass_rate<0.95", [], UNJUDGED, "there is no answer"),
        ("answers<0", [], UNJUDGED, "there is no answer"),
        ("pass_rate<0", [*GOOD, BROKEN], UNJUDGED, "1 of 10 answers could not be scored: pii failed"),
        ("relevance<0", [*GOOD, BROKEN], UNJUDGED, "1 of 10 answers could not be scored: pii failed"),
        ("relevance<0", [*GOOD, DUMB], UNJUDGED, "1 of 10 answers have no value for relevance"),
        ("flags.hallucination>0", GOOD, UNJUDGED, "9 of 9 answers have no value for flags.hallucination"),
        ("flags.pii>0", GOOD, UNJUDGED, "no evaluator that ran raises the flag pii"),
        ("politeness<0.5", GOOD, UNJUDGED, "no answer has the score politeness"),
        ("scores.politeness<0.5", GOOD, UNJUDGED, "no answer has the score politeness"),
    ],
)
def test_a_condition_passes_only_by_what_is_known(
    condition: str, answers: list[Answer], outcome: Outcome, reason: str
) -> None:
    (finding,) = judge_conditions([parse_condition(condition)], answers, RAISERS)
    assert (finding.outcome, finding.reason[: len(reason)]) == (outcome, reason)


@pytest.mark.parametrize(("allowed", "outcome"), [(0.0, UNJUDGED), (0.09, UNJUDGED), (0.1, PASSED)])
def test_a_share_of_unknown_values_may_be_allowed(allowed: float, outcome: Outcome) -> None:
    (finding,) = judge_conditions(
        [parse_condition("relevance<0.5")], [*GOOD, DUMB], RAISERS, allow_unknown=allowed
    )
    assert finding.outcome == outcome


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], PASSED),
        ([PASSED, PASSED], PASSED),
        ([PASSED, UNJUDGED], UNJUDGED),
        ([UNJUDGED, FAILED, PASSED], FAILED),
    ],
)
def test_a_build_goes_on_only_if_every_gate_passed(outcomes: list[Outcome], expected: Outcome) -> None:
    assert worst(Finding("g", outcome, "") for outcome in outcomes) == expected


def run(value: float, items: int = 20, name: str = "relevance") -> list[Answer]:
    return [Answer(item_id=str(n), passed=True, scores={name: value}) for n in range(items)]


@pytest.mark.parametrize(
    ("base", "other", "outcome", "reason"),
    [
        (run(0.5), run(0.5), PASSED, "no figure is worse"),
        (run(0.5), run(0.6), PASSED, "no figure is worse"),
        (run(0.6), run(0.5), FAILED, "new is worse by 0.1"),
        (run(0.6), run(0.5, 19), UNJUDGED, "1 of 20 items of the baseline have no answer"),
        (run(0.6), [], UNJUDGED, "20 of 20 items of the baseline have no answer"),
        (run(0.5, 5), run(0.5), UNJUDGED, "5 items are too few"),
        ([], run(0.5), UNJUDGED, "0 items are too few"),
        (run(0.5), run(0.5, name="another"), UNJUDGED, "this run has no value for relevance"),
    ],
)
def test_a_regression_is_a_real_difference_for_the_worse(
    base: list[Answer], other: list[Answer], outcome: Outcome, reason: str
) -> None:
    (finding,) = judge_regression(compare(base, other, names=("old", "new")))
    assert (finding.outcome, finding.reason[: len(reason)]) == (outcome, reason)
