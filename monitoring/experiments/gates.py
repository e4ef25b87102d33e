"""Gates: conditions on the figures of a run that decide whether a build may go on.

A gate has three results. It passed, it failed, or it could not be judged, because what it asks for
is not known. The last one is never taken for the first.
"""

from __future__ import annotations

import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from monitoring.experiments.answers import PASSING, Answer, RunFigures, figures_of
from monitoring.experiments.comparison import FEWEST_CHANGES, Comparison

__all__ = [
    "Condition",
    "Finding",
    "Outcome",
    "judge_answers",
    "judge_conditions",
    "judge_regression",
    "parse_condition",
    "worst",
]

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(
    r"\s*(?P<metric>[A-Za-z_][\w.:\- ]{0,127}?)\s*(?P<how><=|>=|==|!=|<|>)\s*(?P<bound>\S{1,32})\s*"
)
_FLAG, _SCORE = "flags.", "scores."


class Outcome(StrEnum):
    """The result of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    UNJUDGED = "could not be judged"


class Condition(msgspec.Struct, frozen=True):
    """A build fails if the metric compares with the bound in this way: `pass_rate < 0.95`.

    Metrics are `pass_rate`, `overall_quality`, `scores.NAME` (the mean of a score), `flags`
    (answers with a flag), `flags.NAME` (answers with this flag), `items` and `answers`.
    """

    metric: str
    how: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric} {self.how} {self.bound:g}"


class Finding(msgspec.Struct, frozen=True):
    """What became of one gate: its name, its outcome, and why in one sentence."""

    gate: str
    outcome: Outcome
    reason: str


def parse_condition(text: str) -> Condition:
    """Read a condition such as `pass_rate<0.95`; raises ValueError that says how to write one."""
    found = _CONDITION.fullmatch(text)
    try:
        bound = float(found["bound"]) if found else math.nan
    except ValueError:
        bound = math.nan
    if not found or not math.isfinite(bound):
        raise ValueError(
            f"{text!r} is no condition: write a metric, a comparison and a number, as pass_rate<0.95"
        )
    return Condition(found["metric"], found["how"], bound)


def worst(findings: Iterable[Finding]) -> Outcome:
    """Return whether every gate passed; a failed one weighs more than one without a judgement."""
    outcomes = {finding.outcome for finding in findings}
    for outcome in (Outcome.FAILED, Outcome.UNJUDGED):
        if outcome in outcomes:
            return outcome
    return Outcome.PASSED


def judge_conditions(
    conditions: Sequence[Condition],
    answers: Sequence[Answer],
    raised_by: Mapping[str, Sequence[str]],
    *,
    allow_unknown: float = 0.0,
) -> list[Finding]:
    """Judge each condition on the answers of a run.

    `raised_by` names for each flag the evaluators that raise it. `allow_unknown` is the share of
    answers (0..1) that may lack the value which a condition asks for. The run as a whole is judged
    first: without an answer, and with an evaluator that failed, nothing can be said.
    """
    broken = judge_answers("answers", answers)
    if broken is not None:
        return [broken]
    figures = figures_of(answers)
    return [_judge(condition, answers, figures, raised_by, allow_unknown) for condition in conditions]


def judge_answers(gate: str, answers: Sequence[Answer]) -> Finding | None:
    """Return why nothing can be judged by these answers, or None if they were all scored."""
    failed = [answer for answer in answers if answer.failed]
    if answers and not failed:
        return None
    names = sorted({name for answer in failed for name in answer.failed})
    told = f"{len(failed)} of {len(answers)} answers could not be scored: {', '.join(names)} failed"
    return Finding(gate, Outcome.UNJUDGED, told if answers else "there is no answer")


def _judge(
    condition: Condition,
    answers: Sequence[Answer],
    figures: RunFigures,
    raised_by: Mapping[str, Sequence[str]],
    allow_unknown: float,
) -> Finding:
    value, lacking = _look_up(condition.metric, answers, figures, raised_by)
    gate = f"fail if {condition}"
    if value is None:
        return Finding(gate, Outcome.UNJUDGED, lacking or f"{condition.metric} is not known")
    unknown = _count_unknown(condition.metric, answers, raised_by)
    if unknown > allow_unknown * len(answers):
        return Finding(
            gate,
            Outcome.UNJUDGED,
            f"{unknown} of {len(answers)} answers have no value for {condition.metric}{lacking}",
        )
    met = _COMPARE[condition.how](value, condition.bound)
    return Finding(gate, Outcome.FAILED if met else Outcome.PASSED, f"{condition.metric} is {value:.4g}")


def _look_up(
    metric: str, answers: Sequence[Answer], figures: RunFigures, raised_by: Mapping[str, Sequence[str]]
) -> tuple[float | None, str]:
    """Return the value of a metric or None, and what is said about missing values."""
    sums: Mapping[str, float | None] = {
        "items": float(figures.items),
        "answers": float(figures.answers),
        "flags": float(figures.flagged),
        PASSING: figures.pass_rate,
    }
    if metric in sums:
        return sums[metric], ""
    if metric.startswith(_FLAG):
        flag = metric.removeprefix(_FLAG)
        if flag not in raised_by:
            return None, f"no evaluator that ran raises the flag {flag}"
        return float(figures.flags.get(flag, 0)), _reasons(raised_by[flag], answers)
    name = metric.removeprefix(_SCORE)
    found, reasons = figures.scores.get(name), _reasons([name], answers)
    return (found.mean, reasons) if found else (None, f"no answer has the score {name}{reasons}")


def _count_unknown(metric: str, answers: Sequence[Answer], raised_by: Mapping[str, Sequence[str]]) -> int:
    if metric in {"items", "answers", PASSING, "flags"}:
        return 0
    if metric.startswith(_FLAG):
        names = raised_by[metric.removeprefix(_FLAG)]
        return sum(not any(name in answer.scores for name in names) for answer in answers)
    name = metric.removeprefix(_SCORE)
    return sum(name not in answer.scores for answer in answers)


def _reasons(names: Sequence[str], answers: Sequence[Answer]) -> str:
    counts = Counter(answer.unknown[name] for answer in answers for name in names if name in answer.unknown)
    told = ", ".join(f"{label} {count}" for label, count in counts.most_common(3))
    return f" ({told})" if told else ""


def judge_regression(comparison: Comparison) -> list[Finding]:
    """Say whether a run is worse than its baseline in any figure.

    Items of the baseline that the run lacks, and too few items to find any difference, make it
    impossible to judge.
    """
    gate = f"no regression against {comparison.base}"
    if comparison.only_base:
        missing = f"{comparison.only_base} of {comparison.items + comparison.only_base} items of the baseline"
        return [Finding(gate, Outcome.UNJUDGED, f"{missing} have no answer in this run")]
    if comparison.items < FEWEST_CHANGES:
        few = f"{comparison.items} items are too few to find a difference: it takes {FEWEST_CHANGES}"
        return [Finding(gate, Outcome.UNJUDGED, few)]
    lost = [one.figure for one in comparison.figures if not one.n and one.base_only]
    if lost:
        return [Finding(gate, Outcome.UNJUDGED, f"this run has no value for {', '.join(lost)}")]
    worse = [one for one in comparison.figures if one.better is False]
    if not worse:
        return [
            Finding(
                gate, Outcome.PASSED, f"no figure is worse, of {len(comparison.figures)} that were compared"
            )
        ]
    return [Finding(f"{gate}: {one.figure}", Outcome.FAILED, one.sentence) for one in worse]
