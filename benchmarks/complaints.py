"""How well groups of comments agree with the themes that people give them.

`python -m benchmarks.complaints --data ../shared/data` prints the rows of
docs/reference/feedback.md. The sources with real texts hold questions with a topic, since no open
data has complaints by theme.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.text.clusters import cluster_texts

__all__ = ["Agreement", "Labelled", "adjusted_rand", "measure", "read_sample"]

_SAMPLES: Final = Path(__file__).parents[1] / "tests" / "quality" / "samples"
_MOST: Final = 1_000
_SEED: Final = 20261201
_DRAWS: Final = 20
_PAIR: Final = 2


class Labelled(NamedTuple):
    """Texts with their themes; a text of no theme has one of its own."""

    name: str
    texts: Sequence[str]
    themes: Sequence[str]


class Agreement(NamedTuple):
    """The share of texts in a group, the purity of groups, and the adjusted Rand index of all.

    `by_chance` is the purity where the same groups hold texts at random.
    """

    grouped: float
    purity: float
    by_chance: float
    rand: float


def adjusted_rand(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return the agreement of two divisions of the same things: 1 if equal, 0 by chance."""
    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1)
    both, one, other = (_pairs(counts) for counts in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = one * other / _pairs(np.array([first.size]))
    most = (one + other) / 2
    return float((both - expected) / (most - expected)) if most != expected else 0.0


def _pairs(counts: NDArray[Any]) -> float:
    return float((counts * (counts - 1) / _PAIR).sum())


def measure(labelled: Labelled) -> Agreement:
    """Group the texts, and compare the groups with their themes."""
    groups = cluster_texts(labelled.texts)
    themes = np.unique(np.array(labelled.themes), return_inverse=True)[1].astype(np.int64)
    found = np.arange(themes.size) + len(groups)
    for number, members in enumerate(groups):
        found[members] = number
    places = np.array([member for members in groups for member in members])
    sizes = [len(members) for members in groups]
    draw = np.random.default_rng(_SEED)
    chances = [_purity(draw.permutation(themes[places]), sizes) for _ in range(_DRAWS)]
    numbered = np.unique(found, return_inverse=True)[1].astype(np.int64)
    return Agreement(
        places.size / themes.size,
        _purity(themes[places], sizes),
        float(np.mean(chances)),
        adjusted_rand(numbered, themes),
    )


def _purity(themes: NDArray[np.int64], sizes: Sequence[int]) -> float:
    parts = np.split(themes, np.cumsum(sizes)[:-1])
    return sum(int(np.bincount(part).max()) for part in parts) / themes.size


def read_sample(name: str, text: str, theme: str) -> Labelled:
    """Read a sample of this project, without its first line of remarks."""
    lines = (_SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    themes = [row[theme] or f"none {place}" for place, row in enumerate(rows)]
    return Labelled(name, [row[text] for row in rows], themes)


def _read_source(path: Path, wanted: Callable[[Any], bool]) -> Labelled:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [row for line in file if wanted(row := json.loads(line))]
    themes = {row["prompt"]: row["meta"]["sub"] for row in rows}
    return Labelled(path.name.removesuffix(".jsonl.gz"), [*themes][:_MOST], [*themes.values()][:_MOST])


def _sources(data: Path) -> Iterator[Labelled]:
    yield read_sample("complaints", "comment", "theme")
    yield read_sample("topics", "prompt", "topic")
    yield _read_source(data / "quality" / "haluquestqa.jsonl.gz", lambda _: True)
    injections = data / "prompt_injection" / "xsafety_multilingual.jsonl.gz"
    yield _read_source(injections, lambda row: row["meta"]["language"] == "English")


def main() -> None:
    """Print one row of the table for each source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of labelled data")
    for labelled in _sources(parser.parse_args().data):
        found = measure(labelled)
        figures = " | ".join(f"{figure:.2f}" for figure in found)
        print(f"| {labelled.name} | {len(labelled.texts)} | {len({*labelled.themes})} | {figures} |")


if __name__ == "__main__":
    main()
