"""Deciding by the answers of a run whether a build goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from monitoring.evaluator import Evaluator
from monitoring.experiments.answers import Answer, RunFigures, figures_of
from monitoring.experiments.comparison import Comparison, compare
from monitoring.experiments.gates import (
    Condition,
    Finding,
    Outcome,
    judge_answers,
    judge_conditions,
    judge_regression,
    worst,
)
from monitoring.experiments.scoring import Output, harms_of, score_outputs

__all__ = ["EXIT_STATUS", "Gates", "Judgement", "ScoredRun", "judge", "raisers_of", "score_all"]

EXIT_STATUS: Mapping[Outcome, int] = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.UNJUDGED: 2}
_BATCH = 128
_NAMED = 5


class Gates(NamedTuple):
    """What a build must meet.

    `allow_unknown` is the share of answers (0..1) that may lack a value that a condition asks for.
    """

    conditions: tuple[Condition, ...] = ()
    fail_on_regression: bool = False
    allow_unknown: float = 0.0


class ScoredRun(NamedTuple):
    """A run that was scored.

    `missing` are items without an answer, and `problems` are rows that could not be read.
    """

    name: str
    answers: Sequence[Answer]
    missing: Sequence[str] = ()
    problems: Sequence[str] = ()


class Judgement(NamedTuple):
    """The figures of a run, how it differs from its baseline if there is one, and every finding."""

    run: str
    figures: RunFigures
    findings: tuple[Finding, ...]
    comparison: Comparison | None = None

    @property
    def outcome(self) -> Outcome:
        """Whether the build goes on."""
        return worst(self.findings)


def score_all(
    outputs: Sequence[Output], evaluators: Sequence[Evaluator], advance: Callable[[int], None]
) -> list[Answer]:
    """Score outputs in batches; `advance` is told the size of each batch that is done."""
    answers: list[Answer] = []
    rest = iter(outputs)
    while batch := list(islice(rest, _BATCH)):
        answers += score_outputs(batch, evaluators)
        advance(len(batch))
    return answers


def raisers_of(evaluators: Sequence[Evaluator]) -> dict[str, list[str]]:
    """Return for each flag the names of the evaluators that raise it."""
    raisers: dict[str, list[str]] = {}
    for one in evaluators:
        if one.flag is not None:
            raisers.setdefault(one.flag, []).append(one.name)
    return raisers


def judge(
    run: ScoredRun, evaluators: Sequence[Evaluator], gates: Gates, base: ScoredRun | None = None
) -> Judgement:
    """Judge a run, and compare it with `base` if there is one."""
    findings = [*_of_completeness(run), *(_of_completeness(base) if base else ())]
    findings += judge_conditions(
        gates.conditions, run.answers, raisers_of(evaluators), allow_unknown=gates.allow_unknown
    )
    comparison = None
    if base is not None:
        comparison = compare(
            base.answers, run.answers, names=(base.name, run.name), harms=harms_of(evaluators)
        )
        unscored = judge_answers(f"answers of {base.name}", base.answers)
        findings += [unscored] if unscored else []
        findings += judge_regression(comparison) if gates.fail_on_regression else []
    return Judgement(run.name, figures_of(run.answers), tuple(findings), comparison)


def _of_completeness(run: ScoredRun) -> list[Finding]:
    findings = []
    if run.problems:
        told = f"{len(run.problems)} rows could not be used; {run.problems[0]}"
        findings.append(Finding(f"rows of {run.name}", Outcome.UNJUDGED, told))
    if run.missing:
        named = ", ".join(run.missing[:_NAMED])
        more = ", …" if len(run.missing) > _NAMED else ""
        told = f"{len(run.missing)} items have no answer: {named}{more}"
        findings.append(Finding(f"items of {run.name}", Outcome.UNJUDGED, told))
    return findings
