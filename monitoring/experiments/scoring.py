"""Scoring the outputs of a run with evaluators."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from monitoring.evaluation import evaluate
from monitoring.evaluator import Evaluator
from monitoring.experiments.answers import QUALITY, Answer
from monitoring.models import Failure, Record, Result, Score
from monitoring.text.excerpts import excerpt
from monitoring.verdict import Policy, Verdict, assess

__all__ = ["Output", "choose_evaluators", "harms_of", "raised_by", "score_outputs"]

_NO_POLICY = Policy()


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One output of a model for an item, as the record that is scored."""

    item_id: str
    record: Record
    repetition: int = 0
    own: dict[str, float] = {}


def choose_evaluators(every: Sequence[Evaluator], names: Sequence[str]) -> tuple[Evaluator, ...]:
    """Return the evaluators of these names, or all if there are none; raises ValueError."""
    known = {one.name: one for one in every}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise ValueError(f"there is no evaluator {unknown[0]}: there are {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else tuple(every)


def harms_of(evaluators: Sequence[Evaluator]) -> tuple[str, ...]:
    """Return the names of scores of which a higher value is worse."""
    return tuple(one.name for one in evaluators if one.category == "safety")


def raised_by(evaluators: Sequence[Evaluator]) -> frozenset[str]:
    """Return the flags that these evaluators can raise."""
    return frozenset(one.flag for one in evaluators if one.flag)


def score_outputs(
    outputs: Sequence[Output], evaluators: Sequence[Evaluator], policy: Policy = _NO_POLICY
) -> list[Answer]:
    """Score a batch of outputs, in order.

    An own score with the name of an evaluator is ignored, because the evaluator gives that score.
    """
    records = [excerpt(output.record).record for output in outputs]
    judges = tuple(evaluators)
    shown = {one.name for one in judges if one.category != "descriptive"}
    names = {one.name for one in judges} | {QUALITY}
    return [
        _answer(output, results, assess(output.record, results, judges, policy), shown, names)
        for output, results in zip(outputs, evaluate(records, judges), strict=True)
    ]


def _answer(
    output: Output, results: Mapping[str, Result], verdict: Verdict, shown: set[str], names: set[str]
) -> Answer:
    failed = {
        name: f"{result.error}: {result.message}"
        for name, result in results.items()
        if isinstance(result, Failure)
    }
    found = {name: result for name, result in results.items() if isinstance(result, Score) and name in shown}
    scores = {name: score.value for name, score in found.items() if score.value is not None}
    if verdict.overall_quality is not None:
        scores[QUALITY] = verdict.overall_quality
    own = {name: value for name, value in output.own.items() if name not in names and math.isfinite(value)}
    good = (
        verdict.is_safe
        and not verdict.low
        and bool(output.record.response.strip())
        and not output.record.error
    )
    return Answer(
        item_id=output.item_id,
        repetition=output.repetition,
        passed=None if failed else good,
        scores=scores | own,
        flags=verdict.flags,
        low=verdict.low,
        unknown={name: score.label for name, score in found.items() if score.value is None},
        failed=failed,
    )
