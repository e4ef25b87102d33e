"""Finding the moment at which a series falls to a lower level and stays there."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["Step", "find_fall"]

_FEWEST_POINTS = 8
# One or two bad buckets are no new level.
_FEWEST_BESIDE = 3
_SHOWN_BY_MEDIANS = 0.5

_Floats = NDArray[np.float64]


class Step(msgspec.Struct, frozen=True):
    """A fall to another level: the first point after it, the weighted levels, and the statistic."""

    place: int
    before: float
    after: float
    z: float


def find_fall(values: Sequence[float], counts: Sequence[int], wrong: float) -> Step | None:
    """Return the clearest fall of averages over `counts` values each, or None without a clear one.

    Each place that leaves at least three points on both sides is tested as a weighted t-test of
    the two levels, whose spread is that of the points around them. The largest statistic counts,
    and `wrong` is divided among all places (Worsley 1979 has the exact test; this bound is more
    careful). So a series of independent points without a fall gives one with a probability of at
    most `wrong`. Half of the fall has to show in the medians too, so that single bad points make
    none. A point weighs by its count, but never more than the median point: beyond it,
    averages differ for other reasons than chance. Raises ValueError unless counts are positive.
    """
    n = len(values)
    if min(counts, default=1) <= 0:
        raise ValueError("every point of a series has values")
    places = range(_FEWEST_BESIDE, n - _FEWEST_BESIDE + 1)
    if n < _FEWEST_POINTS:
        return None
    series = np.asarray(values, dtype=np.float64)
    weights = np.minimum(np.asarray(counts, dtype=np.float64), float(np.median(counts)))
    statistics = _statistics(series, weights, np.array(places))
    limit = NormalDist().inv_cdf(wrong / len(places))
    # Medians are the slow part, so they are computed for the clearest places first.
    ranked = (rank for rank in np.argsort(statistics, kind="stable") if statistics[rank] <= limit)
    found = next((rank for rank in ranked if _shows_in_medians(series, weights, places[rank])), None)
    if found is None:
        return None
    z, place = float(statistics[found]), places[found]
    totals = np.asarray(counts, dtype=np.float64)
    before = float(np.average(series[:place], weights=totals[:place]))
    after = float(np.average(series[place:], weights=totals[place:]))
    return Step(place, before, after, z)


def _statistics(series: _Floats, weights: _Floats, places: NDArray[np.int64]) -> _Floats:
    """Return the difference of the levels at each place as a normal deviate; falls are below 0.

    The approximation is that of Wallace (1959).
    """
    after = np.arange(series.size)[None, :] >= places[:, None]
    sides = [np.where(side, weights, 0.0) for side in (~after, after)]
    levels = [side @ series / side.sum(axis=1) for side in sides]
    spread = sum(
        (side * (series - level[:, None]) ** 2).sum(axis=1) for side, level in zip(sides, levels, strict=True)
    )
    free = series.size - 2
    difference = levels[1] - levels[0]
    error = np.sqrt(spread / free * sum(1 / side.sum(axis=1) for side in sides))
    certain = error < np.abs(difference) * 1e-9  # levels without any spread differ for certain
    t = np.divide(difference, error, out=np.zeros_like(error), where=~certain & (error > 0))
    z = np.sqrt(free * np.log1p(t * t / free)) * (8 * free + 1) / (8 * free + 3)
    found: _Floats = np.where(certain, np.copysign(np.inf, difference), np.copysign(z, t))
    return found


def _shows_in_medians(series: _Floats, weights: _Floats, place: int) -> bool:
    """Tell whether enough of the difference of two levels is one of their medians too."""
    before, after = (
        float(np.average(series[side], weights=weights[side]))
        for side in (slice(None, place), slice(place, None))
    )
    medians = float(np.median(series[place:]) - np.median(series[:place]))
    return after != before and medians / (after - before) >= _SHOWN_BY_MEDIANS
