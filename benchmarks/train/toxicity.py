"""Trains the heads of toxicity and their calibration.

    python benchmarks/train/toxicity.py DATA_FOLDER [--oof]

With `--oof` nothing is written. Each source is then measured with the whole formula. Every row is
judged by models that were fitted, combined and given their threshold on the other four folds alone.
The sources are those of `toxicity_corpus`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from features import combine, export, quantise, replace_head
from numpy.typing import NDArray
from toxicity_corpus import COUNSEL, HARM, LANGUAGE, LOOK_ALIKES, Corpus, gather
from window_table import WindowTable

from monitoring.benchmarking.metrics import auroc, average_precision
from monitoring.evaluator import Evaluator
from monitoring.evaluators.toxicity import HARM_HEAD, LANGUAGE_HEAD, THRESHOLD, assemble
from monitoring.signals.linear import load_bank

STRENGTH, GAIN, SPELLING = 1.0, 0.2, 1.0
KEEP, LARGEST = 200_000, 1.0
FOLDS = 5
# Shares of ordinary answers, and of ordinary requests, that a head alone may flag.
FALSE_POSITIVES = {LANGUAGE_HEAD: 0.005, HARM_HEAD: 0.005}
FALSE_REQUESTS = 0.01
# Each head with the rows that it is fitted on.
HEADS: dict[str, Callable[[Corpus], NDArray[np.bool_]]] = {
    LANGUAGE_HEAD: lambda corpus: corpus.language,
    HARM_HEAD: lambda corpus: corpus.harm,
}
LOGIT = np.log(THRESHOLD / (1 - THRESHOLD))


class Head(NamedTuple):
    """A fitted head as shipped, and what turns its score and the lexicon into log-odds."""

    coefficients: NDArray[np.float64]
    bias: float
    slope: float
    categories: NDArray[np.float64]
    threshold: float
    request_threshold: float

    def judge(self, corpus: Corpus, table: WindowTable, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the log-odds of rows, which are above those of THRESHOLD if a row is flagged."""
        weights, scale = quantise(self.coefficients, KEEP, LARGEST)
        scores = table.score(weights * scale, self.bias, rows)
        return self.slope * scores + corpus.found[rows] @ self.categories - self.threshold


class Detector(NamedTuple):
    """The heads of both kinds."""

    language: Head
    harm: Head

    def judge(self, corpus: Corpus, table: WindowTable, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the higher log-odds of the two heads, for rows."""
        found = [head.judge(corpus, table, rows) for head in self]
        return np.asarray(np.maximum(*found))


def fit_head(name: str, corpus: Corpus, table: WindowTable, used: NDArray[np.bool_]) -> Head:
    """Fit on the `used` rows, combine with the lexicon and set the thresholds.

    Each half of the rows is scored by a head that was fitted on the other half. In the head of harm
    the categories weigh nothing.
    """
    scores = np.zeros(len(corpus.texts))
    for half in range(2):
        held = used & (corpus.folds % 2 == half)
        model = table.fit(used & ~held, corpus.labels, corpus.weights, strength=STRENGTH)
        scores[held] = table.score(*model, held)
    rows = used & corpus.real
    found = corpus.found if name == LANGUAGE_HEAD else corpus.found[:, :0]
    slope, *categories, _ = combine(scores[rows], found[rows], corpus.labels[rows], corpus.weights[rows])
    weights = np.array(categories)
    total = slope * scores + found @ weights
    threshold = float(np.quantile(total[corpus.answers & used], 1 - FALSE_POSITIVES[name]))
    request = float(np.quantile(total[corpus.requests & used], 1 - FALSE_REQUESTS))
    model = table.fit(used, corpus.labels, corpus.weights, strength=STRENGTH)
    if name != LANGUAGE_HEAD:
        weights = np.zeros(corpus.found.shape[1])
    return Head(*model, slope, weights, threshold, request)


def train(corpus: Corpus, table: WindowTable, used: NDArray[np.bool_]) -> Detector:
    """Fit each head on its rows among the `used` ones."""
    return Detector(*(fit_head(name, corpus, table, used & rows(corpus)) for name, rows in HEADS.items()))


def read(data: Path) -> tuple[Corpus, WindowTable]:
    """Return the texts that are fitted on and their windows."""
    corpus = gather(data)
    return corpus, WindowTable(corpus.texts.tolist(), GAIN, SPELLING)


class ToxicityTrainer:
    """Fits the heads of toxicity, their calibration and their thresholds anew.

    A head whose sources all stay is fitted once.
    """

    fitted = frozenset({*LANGUAGE, *HARM, LOOK_ALIKES, COUNSEL})

    def __init__(self, data: Path) -> None:
        self._data = data
        self._read: tuple[Corpus, WindowTable] | None = None
        self._heads: dict[tuple[str, frozenset[str]], Head] = {}

    def fit(self, without: frozenset[str]) -> Evaluator:
        """Return the evaluator that is fitted on the other sources."""
        found = Detector(*(self._fit_head(name, without) for name in HEADS))
        bank = load_bank()
        for name, head in zip(HEADS, found, strict=True):
            bank = replace_head(name, head.coefficients, head.bias, heads=bank, **numbers(head))
        return assemble(found.language.categories, head_shift(found.harm), bank)

    def _fit_head(self, name: str, without: frozenset[str]) -> Head:
        self._read = self._read or read(self._data)
        corpus, table = self._read
        rows = HEADS[name](corpus)
        absent = without & set(np.unique(corpus.sources[rows]).tolist())
        if (name, absent) not in self._heads:
            used = rows & (corpus.folds != 0) & ~np.isin(corpus.sources, sorted(absent))
            self._heads[name, absent] = fit_head(name, corpus, table, used)
        return self._heads[name, absent]


def numbers(head: Head) -> dict[str, Any]:
    """Return what a head is written with beside its coefficients and its bias."""
    return {"slope": head.slope, "offset": -head.threshold, "keep": KEEP, "largest": LARGEST}


def head_shift(head: Head) -> float:
    """Return what is added to the log-odds of a prompt.

    Ordinary requests are then flagged at their own rate.
    """
    return head.threshold - head.request_threshold


def report(corpus: Corpus, total: NDArray[np.float64], rows: NDArray[np.bool_]) -> None:
    """Print how well each source is separated, and how many ordinary answers are flagged."""
    for source in (*LANGUAGE, *HARM):
        chosen = rows & corpus.real & (corpus.sources == source)
        toxic = corpus.labels[chosen] == 1
        recall = np.mean(total[chosen][toxic] > LOGIT)
        if toxic.all():
            print(f"{source}: recall {recall:.3f}, {len(toxic)} rows")
            continue
        area, ranked = auroc(toxic, total[chosen]), average_precision(toxic, total[chosen])
        print(
            f"{source}: AUROC {area:.3f}, average precision {ranked:.3f}, recall {recall:.3f}, {len(toxic)} rows"
        )
    print(f"false positives on ordinary answers: {np.mean(total[rows & corpus.answers] > LOGIT):.4f}")


def main(data: Path, *, out_of_fold: bool) -> None:
    """Measure out of fold, or fit on folds 1..4, write the heads and measure them on fold 0."""
    corpus, table = read(data)
    total = np.zeros(len(corpus.texts))
    for fold in range(FOLDS) if out_of_fold else (0,):
        detector, held = train(corpus, table, corpus.folds != fold), corpus.folds == fold
        total[held] = detector.judge(corpus, table, held)
    if not out_of_fold:
        write(detector)
    report(corpus, total, np.ones_like(corpus.real) if out_of_fold else corpus.folds == 0)


def write(detector: Detector) -> None:
    """Write the weights of both heads."""
    extras = ({"categories": detector.language.categories}, {"request": np.array(head_shift(detector.harm))})
    for name, head, extra in zip(HEADS, detector, extras, strict=True):
        export(name, head.coefficients, head.bias, **numbers(head), **extra)
        print(f"{name}: slope {head.slope:.2f}, threshold {head.threshold:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--oof", action="store_true", help="measure all five folds and write nothing")
    arguments = parser.parse_args()
    main(arguments.data, out_of_fold=arguments.oof)
