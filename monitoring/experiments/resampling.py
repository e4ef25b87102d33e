"""Is a difference between paired values more than chance? Interval and probability, without scipy.

Each value is the difference of one item: its mean over the repetitions of one run, less that of the
other. Items are independent of each other, repetitions of an item are not. So items are drawn.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

__all__ = ["chance_of", "holm", "interval_of"]

Values = npt.NDArray[np.float64]

_RESAMPLES = 2_000
_FLIPS = 4_999
# Above these numbers both distributions are normal to three digits, and drawing would take seconds.
_MOST_DRAWN = 20_000
_MOST_FLIPPED = 1_000
_MOST_COUNTED = 1_000
_MOST_ENUMERATED = 14
_FEWEST = 2
_SAME = 1e-9
_DRAWN_AT_ONCE = 1_000_000


def interval_of(
    differences: Values, *, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float] | None:
    """Return the bounds of the mean difference from a bootstrap over items; None below two items.

    Percentiles of a bootstrap are too narrow for few items, so they lie further out, by the
    quantile of Student's t (the expanded percentile interval of Hesterberg 2015). The same values
    and seed give the same bounds.
    """
    count = len(differences)
    if count < _FEWEST:
        return None
    tail = _expanded_tail(count, (1 - confidence) / 2)
    if count > _MOST_DRAWN:
        mean = float(differences.mean())
        reach = float(differences.std()) / math.sqrt(count) * -NormalDist().inv_cdf(tail)
        return mean - reach, mean + reach
    low, high = np.quantile(_resampled_means(differences, seed), [tail, 1 - tail])
    return float(low), float(high)


def _resampled_means(differences: Values, seed: int) -> Values:
    generator = np.random.default_rng(seed)
    count = len(differences)
    step = max(_DRAWN_AT_ONCE // count, 1)
    parts = []
    for begin in range(0, _RESAMPLES, step):
        rows = min(step, _RESAMPLES - begin)
        parts.append(differences[generator.integers(0, count, (rows, count), dtype=np.int32)].mean(axis=1))
    return np.concatenate(parts)


def _expanded_tail(count: int, tail: float) -> float:
    t = _student_quantile(1 - tail, count - 1)
    return NormalDist().cdf(-math.sqrt(count / (count - 1)) * t)


def _student_quantile(probability: float, freedom: int) -> float:
    """Return a quantile of Student's t (exact for 1 and 2, otherwise Cornish and Fisher 1938)."""
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:  # noqa: PLR2004 two degrees of freedom have a closed form
        return (2 * probability - 1) * math.sqrt(2 / (4 * probability * (1 - probability)))
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / math.pow(freedom, power) for power, term in enumerate(terms, start=1))


def chance_of(differences: Values, *, seed: int = 0) -> float:
    """Return the two-sided probability of such a mean, if either run were as likely to be better.

    Under that assumption each difference could as well have the other sign. Items that did not
    change say nothing about it. Differences of one size make this the exact sign test. Up to 14
    changed items have all their signs tried, more of them 4,999 random ones.
    """
    changed = differences[np.abs(differences) > _SAME]
    if not len(changed):
        return 1.0
    sizes = np.abs(changed)
    if len(changed) <= _MOST_COUNTED and float(sizes.max() - sizes.min()) <= _SAME:
        return _sign_test(int((changed > 0).sum()), len(changed))
    if len(changed) > _MOST_FLIPPED:
        z = abs(float(changed.sum())) / math.sqrt(float((sizes**2).sum()))
        return 2 * NormalDist().cdf(-z)
    return _permutation_test(sizes, abs(float(changed.sum())), seed)


def _sign_test(better: int, changed: int) -> float:
    fewest = min(better, changed - better)
    ways = sum(math.comb(changed, hits) for hits in range(fewest + 1))
    return min(2 * ways / (1 << changed), 1.0)


def _permutation_test(sizes: Values, found: float, seed: int) -> float:
    reached = found - _SAME * max(found, 1.0)
    if len(sizes) <= _MOST_ENUMERATED:
        bits = np.arange(2 ** len(sizes))[:, None] >> np.arange(len(sizes)) & 1
        return float((np.abs((1.0 - 2.0 * bits) @ sizes) >= reached).mean())
    generator = np.random.default_rng(seed)
    negative = generator.integers(0, 2, (_FLIPS, len(sizes)), dtype=np.int8).astype(np.float64)
    hits = int((np.abs(sizes.sum() - 2.0 * (negative @ sizes)) >= reached).sum())
    return (hits + 1) / (_FLIPS + 1)


def holm(chances: list[float]) -> list[float]:
    """Return probabilities that hold although several figures were looked at (Holm 1979)."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    adjusted = list(chances)
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min((len(chances) - place) * chances[index], 1.0))
        adjusted[index] = highest
    return adjusted
