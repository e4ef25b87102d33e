"""Is a difference between paired values more than chance? Interval and probability, without scipy.

Each value is the difference of one item: its mean over the repetitions of one run, less that of the
other. Items are independent of each other, repetitions of an item are not. So items are drawn. The
figures of a comparison share what is drawn, because drawing takes longer than adding up.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

__all__ = ["Values", "chances_of", "holm", "intervals_of"]

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


def intervals_of(
    figures: Sequence[Values], *, confidence: float = 0.95, seed: int = 0
) -> list[tuple[float, float] | None]:
    """Return for each figure the bounds of its mean difference, None below two items.

    They come from a bootstrap over items. Its percentiles are too narrow for few items, so they lie
    further out, by the quantile of Student's t (the expanded percentile interval of Hesterberg
    2015). The same values and seed give the same bounds.
    """
    found: list[tuple[float, float] | None] = [None] * len(figures)
    places: dict[int, list[int]] = defaultdict(list)
    for place, differences in enumerate(figures):
        places[len(differences)].append(place)
    for count, alike in places.items():
        if count < _FEWEST:
            continue
        tail = _expanded_tail(count, (1 - confidence) / 2)
        if count > _MOST_DRAWN:
            bounds = [_normal_interval(figures[place], tail) for place in alike]
        else:
            means = _resampled_means(np.stack([figures[place] for place in alike], axis=1), seed)
            bounds = [
                (float(low), float(high)) for low, high in np.quantile(means, [tail, 1 - tail], axis=0).T
            ]
        for place, both in zip(alike, bounds, strict=True):
            found[place] = both
    return found


def _normal_interval(differences: Values, tail: float) -> tuple[float, float]:
    mean = float(differences.mean())
    reach = float(differences.std()) / math.sqrt(len(differences)) * -NormalDist().inv_cdf(tail)
    return mean - reach, mean + reach


def _resampled_means(figures: Values, seed: int) -> Values:
    """Return the means of all columns in each resample of the rows."""
    generator = np.random.default_rng(seed)
    count = len(figures)
    step = max(_DRAWN_AT_ONCE // count, 1)
    parts = []
    for begin in range(0, _RESAMPLES, step):
        rows = min(step, _RESAMPLES - begin)
        drawn = generator.integers(0, count, (rows, count), dtype=np.int32)
        drawn += np.arange(rows, dtype=np.int32)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        parts.append(times.astype(np.float64) @ figures / count)
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


def chances_of(figures: Sequence[Values], *, seed: int = 0) -> list[float]:
    """Return for each figure the two-sided probability of such a mean by chance.

    Chance means that either run were as likely to be better, so that each difference could as well
    have the other sign. Items that did not change say nothing about it. Differences of one size
    make this the exact sign test. Up to 14 changed items have all their signs tried, more of them
    4,999 random ones.
    """
    every = [differences[np.abs(differences) > _SAME] for differences in figures]
    exact = [_exact_chance(changed) for changed in every]
    drawn = iter(
        _drawn_chances([changed for changed, p in zip(every, exact, strict=True) if p is None], seed)
    )
    return [next(drawn) if p is None else p for p in exact]


def _exact_chance(changed: Values) -> float | None:
    """Return the probability where nothing has to be drawn for it."""
    if not len(changed):
        return 1.0
    sizes = np.abs(changed)
    if len(changed) <= _MOST_COUNTED and float(sizes.max() - sizes.min()) <= _SAME:
        return _sign_test(int((changed > 0).sum()), len(changed))
    if len(changed) > _MOST_FLIPPED:
        z = abs(float(changed.sum())) / math.sqrt(float((sizes**2).sum()))
        return 2 * NormalDist().cdf(-z)
    if len(changed) <= _MOST_ENUMERATED:
        bits = np.arange(2 ** len(sizes))[:, None] >> np.arange(len(sizes)) & 1
        return float((np.abs((1.0 - 2.0 * bits) @ sizes) >= _reached(changed)).mean())
    return None


def _drawn_chances(every: Sequence[Values], seed: int) -> list[float]:
    """Return the probabilities from random signs, of which each figure takes what it needs."""
    if not every:
        return []
    sizes = np.zeros((max(map(len, every)), len(every)))
    for place, changed in enumerate(every):
        sizes[: len(changed), place] = np.abs(changed)
    generator = np.random.default_rng(seed)
    negative = generator.integers(0, 2, (_FLIPS, len(sizes)), dtype=np.int8).astype(np.float64)
    sums = np.abs(sizes.sum(axis=0) - 2.0 * (negative @ sizes))
    hits = (sums >= [_reached(changed) for changed in every]).sum(axis=0)
    return [(int(count) + 1) / (_FLIPS + 1) for count in hits]


def _reached(changed: Values) -> float:
    """Return the sum from which on a choice of signs is at least as extreme as what was found."""
    found = abs(float(changed.sum()))
    return found - _SAME * max(found, 1.0)


def _sign_test(better: int, changed: int) -> float:
    fewest = min(better, changed - better)
    ways = sum(math.comb(changed, hits) for hits in range(fewest + 1))
    return min(2 * ways / (1 << changed), 1.0)


def holm(chances: list[float]) -> list[float]:
    """Return probabilities that hold although several figures were looked at (Holm 1979)."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    adjusted = list(chances)
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min((len(chances) - place) * chances[index], 1.0))
        adjusted[index] = highest
    return adjusted
