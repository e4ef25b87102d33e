"""Evaluating files in this process, without a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from app.experiments.judging import ScoredRun, score_all
from app.experiments.reading import missing_items, read_outputs
from app.schemas.datasets import Item
from monitoring.evaluator import Evaluator
from monitoring.experiments.scoring import Output

__all__ = ["Scored", "score_file"]


class Scored(NamedTuple):
    """A run from a file, and the outputs of its answers in the same order."""

    run: ScoredRun
    outputs: Sequence[Output]


def score_file(
    path: Path,
    evaluators: Sequence[Evaluator],
    *,
    name: str | None = None,
    items: Sequence[Item] | None = None,
    only_items: bool = True,
    begin: Callable[[str, int], Callable[[int], None]],
) -> Scored:
    """Score the outputs of a file.

    `items` are those that must be answered, and no others with `only_items`. `begin` is told the
    name of the run and the number of its outputs, and returns what is told about progress.
    """
    outputs, problems = read_outputs(path, items, only_items=only_items)
    called = name or path.name.partition(".")[0]
    answers = score_all(outputs, evaluators, begin(called, len(outputs)))
    missing = () if items is None or not only_items else missing_items(outputs, items)
    return Scored(ScoredRun(called, answers, missing, problems), outputs)
