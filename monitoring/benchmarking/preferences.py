"""How often a score prefers the answer that people preferred, compared with the length of answers.

A pair is two rows with the same `meta.pair`. Label 1 marks the answer that was preferred, and label
0 the other one. Each row is scored alone. Equal scores count as half a pair. The rule that is
compared always prefers the longer answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring.benchmarking.feeds import Row

__all__ = ["Agreement", "Band", "find_pairs", "measure_pairs", "share_by_score"]

_PREFERRED = 0.5


class Agreement(NamedTuple):
    """How often a score and the longer answer agree with people on the same pairs, as shares 0..1.

    `error` is the standard error of `score`. `gain` is `score` minus `longer`, and `gain_error` is
    its standard error.
    """

    pairs: int
    score: float
    error: float
    longer: float
    gain: float
    gain_error: float


class Band(NamedTuple):
    """The answers with a score in `low`..`high`: their number and their mean score.

    `preferred` is the share of these answers that people preferred.
    """

    low: float
    high: float
    answers: int
    mean: float
    preferred: float


def find_pairs(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Return the indexes of both rows of each complete pair, shape (pairs, 2).

    The preferred row comes first.
    """
    places: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        if (pair := (row.get("meta") or {}).get("pair")) is not None:
            places.setdefault(str(pair), []).append(at)
    found = []
    for both in places.values():
        preferred = [at for at in both if _label(rows[at]) >= _PREFERRED]
        others = [at for at in both if _label(rows[at]) < _PREFERRED]
        if len(preferred) == len(others) == 1:
            found.append((preferred[0], others[0]))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _label(row: Row) -> float:
    """Return the label of a row, or 0 if it has none."""
    return float(row.get("label") or 0.0)


def measure_pairs(rows: Sequence[Row], values: ArrayLike) -> Agreement:
    """Compare the values (n,) of the rows with the choices of people.

    Raises ValueError without a complete pair.
    """
    pairs = find_pairs(rows)
    if not len(pairs):
        raise ValueError("agreement with people needs a complete pair of answers")
    lengths = np.array([len(row.get("response") or "") for row in rows], dtype=np.float64)
    score = _wins(np.asarray(values, dtype=np.float64), pairs)
    longer = _wins(lengths, pairs)
    gain = score - longer
    root = math.sqrt(len(pairs))
    return Agreement(
        pairs=len(pairs),
        score=float(score.mean()),
        error=float(score.std() / root),
        longer=float(longer.mean()),
        gain=float(gain.mean()),
        gain_error=float(gain.std() / root),
    )


def share_by_score(rows: Sequence[Row], values: ArrayLike, edges: Sequence[float]) -> Iterator[Band]:
    """Yield for each band of scores how often people preferred its answers within their pair.

    The shares are those of answers in the band that were preferred to the other answer.
    """
    numbers = np.asarray(values, dtype=np.float64)
    pairs = find_pairs(rows)
    preferred = np.repeat([[1.0, 0.0]], len(pairs), axis=0).ravel()
    scored = numbers[pairs.ravel()]
    for low, high in pairwise(edges):
        inside = (scored >= low) & ((scored < high) | (high == edges[-1]))
        if inside.any():
            yield Band(
                low,
                high,
                int(inside.sum()),
                float(scored[inside].mean()),
                float(preferred[inside].mean()),
            )


def _wins(values: NDArray[np.float64], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    first, second = values[pairs[:, 0]], values[pairs[:, 1]]
    wins: NDArray[np.float64] = np.where(first == second, 0.5, first > second).astype(np.float64)
    return wins
