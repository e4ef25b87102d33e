"""How often a comparison claims a difference where there is none, on answers of real models.

    python benchmarks/comparisons.py DATA_FOLDER [SPLITS]

Three ways make two runs that do not differ. `halves` splits the answers of one model at random and
pairs both halves at random. `swapped` takes the answers of two models to the same prompts, and for
each prompt decides by a coin which of them belongs to which run. `tied` does the same where nine
items of ten have equal answers. A comparison that calls any of its figures different counts, so the
share should be at most 0.05. At the end the two models themselves are compared.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from monitoring.evaluation import find_evaluators
from monitoring.experiments.answers import Answer
from monitoring.experiments.comparison import compare
from monitoring.experiments.scoring import Output, harms_of, score_outputs
from monitoring.models import Record

__all__ = ["Pair", "claimed", "halves", "swapped", "tied"]

MODELS = ("gpt-3.5-turbo-0125", "gpt-4-0314")
SPLITS = 1000
SIZES = (10, 20, 100, 356)
Pair = tuple[list[Answer], list[Answer]]


def halves(one: Sequence[Answer], _: Sequence[Answer], size: int, chance: random.Random) -> Pair:
    """Split one run at random, and pair the halves at random."""
    drawn = chance.sample(one, min(2 * size, len(one) // 2 * 2))
    middle = len(drawn) // 2
    return _numbered(drawn[:middle]), _numbered(drawn[middle:])


def swapped(one: Sequence[Answer], other: Sequence[Answer], size: int, chance: random.Random) -> Pair:
    """Let a coin decide for each item which of two answers belongs to which run."""
    pairs = chance.sample(list(zip(one, other, strict=True)), min(size, len(one)))
    turned = [pair if chance.random() < 0.5 else pair[::-1] for pair in pairs]  # noqa: PLR2004 a fair coin
    return _numbered([pair[0] for pair in turned]), _numbered([pair[1] for pair in turned])


def tied(one: Sequence[Answer], other: Sequence[Answer], size: int, chance: random.Random) -> Pair:
    """Swap as `swapped` does, where nine of ten items have the same answer in both runs."""
    first, second = swapped(one, other, size, chance)
    return first, [a if chance.random() < 0.9 else b for a, b in zip(first, second, strict=True)]  # noqa: PLR2004 as said


def _numbered(answers: Sequence[Answer]) -> list[Answer]:
    return [msgspec.structs.replace(answer, item_id=str(place)) for place, answer in enumerate(answers)]


def claimed(pairs: Iterator[Pair], harms: Sequence[str]) -> int:
    """Return how many comparisons call a figure different."""
    return sum(any(change.real for change in compare(*pair, harms=harms).figures) for pair in pairs)


def _scored(path: Path) -> tuple[list[Answer], list[Answer], tuple[str, ...]]:
    evaluators = find_evaluators()
    with gzip.open(path) as lines:
        rows = [json.loads(line) for line in lines]
    runs = []
    for model in MODELS:
        chosen = [row for row in rows if row["meta"]["model"] == model]
        outputs = [
            Output(item_id=row["prompt"], record=Record(prompt=row["prompt"], response=row["response"]))
            for row in chosen
        ]
        runs.append({answer.item_id: answer for answer in score_outputs(outputs, evaluators)})
    both = [item for item in runs[0] if item in runs[1]]
    return [runs[0][item] for item in both], [runs[1][item] for item in both], harms_of(evaluators)


def main(folder: Path, splits: int) -> None:
    """Print the share of comparisons that claim a difference, by way and number of items."""
    one, other, harms = _scored(folder / "traffic" / "llm_traffic.jsonl.gz")
    ways: tuple[Callable[[Sequence[Answer], Sequence[Answer], int, random.Random], Pair], ...] = (
        halves,
        swapped,
        tied,
    )
    for way in ways:
        for size in SIZES:
            chance = random.Random(size)  # noqa: S311 splits come from a seed
            pairs = (way(one, other, size, chance) for _ in range(splits))
            count = claimed(pairs, harms)
            print(
                f"{way.__name__:8} {size:4} items: {count:4} of {splits} called different ({count / splits:.1%})"
            )
            sys.stdout.flush()
    for change in compare(one, other, names=MODELS, harms=harms).figures:
        print(f"{change.figure:20} {change.sentence}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else SPLITS)  # noqa: PLR2004 the second argument
