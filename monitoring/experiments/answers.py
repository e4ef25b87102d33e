"""One answer of a run after it was scored, and the figures of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

__all__ = ["PASSING", "QUALITY", "Answer", "RunFigures", "ScoreFigure", "figures_of", "value_of"]

PASSING = "pass_rate"
QUALITY = "overall_quality"


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known about one output for one item of a dataset.

    `passed` is True if the output is not empty, reports no error, raises no flag and has no quality
    score below its threshold. It is None if an evaluator failed, because nobody knows then.
    `scores` holds the values of evaluators and own scores by name, and `overall_quality`. `unknown`
    says by the name of an evaluator why it has no value. `failed` says what an evaluator raised.
    """

    item_id: str
    repetition: int = 0
    passed: bool | None = None
    scores: dict[str, float] = {}
    flags: tuple[str, ...] = ()
    low: tuple[str, ...] = ()
    unknown: dict[str, str] = {}
    failed: dict[str, str] = {}


class ScoreFigure(msgspec.Struct, frozen=True):
    """The mean of a score over the answers that have it, and their number."""

    mean: float
    count: int


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of one run.

    `pass_rate` is 0..1, and None while an answer could not be judged or there is none. `flags`
    counts answers by flag, and `flagged` the answers with any flag. `unjudged` answers have an
    evaluator that failed.
    """

    items: int
    answers: int
    passed: int
    unjudged: int
    flagged: int
    pass_rate: float | None
    flags: dict[str, int]
    scores: dict[str, ScoreFigure]


def figures_of(answers: Sequence[Answer]) -> RunFigures:
    """Return the figures of all answers of a run."""
    passed = sum(answer.passed is True for answer in answers)
    unjudged = sum(answer.passed is None for answer in answers)
    flags = Counter(flag for answer in answers for flag in answer.flags)
    return RunFigures(
        items=len({answer.item_id for answer in answers}),
        answers=len(answers),
        passed=passed,
        unjudged=unjudged,
        flagged=sum(bool(answer.flags) for answer in answers),
        pass_rate=passed / len(answers) if answers and not unjudged else None,
        flags=dict(sorted(flags.items())),
        scores=_scores_of(answer.scores for answer in answers),
    )


def _scores_of(every: Iterable[Mapping[str, float]]) -> dict[str, ScoreFigure]:
    sums: defaultdict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for scores in every:
        for name, value in scores.items():
            sums[name] += value
            counts[name] += 1
    return {name: ScoreFigure(sums[name] / counts[name], counts[name]) for name in sorted(counts)}


def value_of(answer: Answer, name: str) -> float | None:
    """Return what an answer contributes to a figure; None if that is unknown."""
    if name == PASSING:
        return None if answer.passed is None else float(answer.passed)
    return answer.scores.get(name)
