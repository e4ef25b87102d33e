"""Measures of how well scores separate labelled rows: rankings, decisions, graded agreement."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Confusion",
    "auroc",
    "average_precision",
    "count_decisions",
    "mean_average_precision",
    "ranks",
    "recall_at_false_positive_rate",
    "spearman",
]

_PRESENT = 0.5


class Confusion(NamedTuple):
    """Decisions compared with labels: true and false positives, false and true negatives.

    A figure is None if its denominator is zero. Precision and F are also None for rows of a single
    class, because they would be perfect there for any detector.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def precision(self) -> float | None:
        """The share of positives among the flagged."""
        return _share(self.tp, self.tp + self.fp) if self._has_both else None

    @property
    def recall(self) -> float | None:
        """The share of flagged among the positives."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def false_positive_rate(self) -> float | None:
        """Share of the negatives that are flagged."""
        return _share(self.fp, self.fp + self.tn)

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of recall and of the share of negatives that are not flagged."""
        recall, false = self.recall, self.false_positive_rate
        return None if recall is None or false is None else (recall + 1.0 - false) / 2

    def f_score(self, beta: float) -> float | None:
        """Return precision and recall combined, with recall counting `beta` times as much.

        The formula is that of van Rijsbergen, Information Retrieval, 1979.
        """
        hits = (1 + beta**2) * self.tp
        return _share(hits, hits + beta**2 * self.fn + self.fp) if self._has_both else None

    @property
    def _has_both(self) -> bool:
        return self.tp + self.fn > 0 and self.fp + self.tn > 0


def count_decisions(truth: ArrayLike, flagged: ArrayLike) -> Confusion:
    """Count decisions (n,) against labels (n,); a label of one half or more is positive."""
    positive, chosen = _positives(truth), np.asarray(flagged, dtype=np.bool_)
    return Confusion(
        int(np.sum(positive & chosen)),
        int(np.sum(~positive & chosen)),
        int(np.sum(positive & ~chosen)),
        int(np.sum(~positive & ~chosen)),
    )


def ranks(numbers: ArrayLike) -> NDArray[np.float64]:
    """Return ranks from 1 on; tied numbers have the mean of their ranks."""
    _, position, counts = np.unique(np.asarray(numbers), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: NDArray[np.float64] = (last - (counts - 1) / 2.0)[position.ravel()]
    return shared


def auroc(truth: ArrayLike, scores: ArrayLike) -> float:
    """Return the probability that a positive has a higher score than a negative; ties count half.

    Raises ValueError unless both classes occur.
    """
    positive = _positives(truth)
    count = int(positive.sum())
    others = positive.size - count
    if not count or not others:
        raise ValueError("AUROC needs both classes")
    return float((ranks(scores)[positive].sum() - count * (count + 1) / 2) / (count * others))


def average_precision(truth: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under precision over recall as a step function; tied scores enter together.

    Raises ValueError without a positive.
    """
    positive = _positives(truth)
    if not positive.any():
        raise ValueError("average precision needs a positive")
    numbers = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-numbers, kind="stable")
    last_of_tie = np.append(np.diff(numbers[order]) != 0, True)
    hits = np.cumsum(positive[order])[last_of_tie]
    taken = np.arange(1, numbers.size + 1)[last_of_tie]
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * (hits / taken)))


def mean_average_precision(truth: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> float:
    """Return the mean average precision of the groups (n,) that hold both classes.

    Raises ValueError if no group does.
    """
    positive, numbers = _positives(truth), np.asarray(scores, dtype=np.float64)
    _, position = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(position.ravel(), kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(position.ravel()[order])) + 1)
    each = [
        average_precision(positive[part], numbers[part])
        for part in parts
        if positive[part].any() and not positive[part].all()
    ]
    if not each:
        raise ValueError("mean average precision needs a group with both classes")
    return float(np.mean(each))


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Return the rank correlation, with average ranks for ties.

    Raises ValueError if all values of one side are equal.
    """
    sides = ranks(first), ranks(second)
    if any(np.ptp(side) == 0 for side in sides):
        raise ValueError("a rank correlation needs values that differ")
    return float(np.corrcoef(*sides)[0, 1])


def recall_at_false_positive_rate(truth: ArrayLike, scores: ArrayLike, rate: float) -> float:
    """Return the share of positives above the score that at most `rate` of the negatives exceed."""
    positive = _positives(truth)
    numbers = np.asarray(scores, dtype=np.float64)
    negatives = np.sort(numbers[~positive])[::-1]
    bound = negatives[int(rate * negatives.size)]
    return float(np.mean(numbers[positive] > bound))


def _positives(truth: ArrayLike) -> NDArray[np.bool_]:
    positive: NDArray[np.bool_] = np.asarray(truth, dtype=np.float64) >= _PRESENT
    return positive


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
