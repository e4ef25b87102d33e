"""One answer of a run after it was scored, and the figures of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

__all__ = ["PASSING", "QUALITY", "Answer", "RunFigures", "ScoreFigure", "figures_of"]

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


def figures_of(answers: Iterable[Answer]) -> RunFigures:
    """Return the figures of all answers of a run, which are read once."""
    items: set[str] = set()
    count = passed = unjudged = flagged = 0
    flags: Counter[str] = Counter()
    sums: defaultdict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for answer in answers:
        count += 1
        items.add(answer.item_id)
        passed += answer.passed is True
        unjudged += answer.passed is None
        flagged += bool(answer.flags)
        flags.update(answer.flags)
        for name, value in answer.scores.items():
            sums[name] += value
            counts[name] += 1
    return RunFigures(
        items=len(items),
        answers=count,
        passed=passed,
        unjudged=unjudged,
        flagged=flagged,
        pass_rate=passed / count if count and not unjudged else None,
        flags=dict(sorted(flags.items())),
        scores={name: ScoreFigure(sums[name] / counts[name], counts[name]) for name in sorted(counts)},
    )
