"""Confidence intervals of shares, of means, of their differences, and of ratios of two sums.

All intervals are two-sided. `confidence` is the share of such intervals that hold the true value.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec

__all__ = ["Interval", "Moments", "difference_of_means", "difference_of_shares", "ratio", "share"]

_CONFIDENCE = 0.95
_FEWEST = 2


class Interval(msgspec.Struct, frozen=True):
    """An estimate, and the bounds between which the true value probably lies."""

    estimate: float
    low: float
    high: float


class Moments(msgspec.Struct, frozen=True):
    """The number of values, their mean, and the variance of the population they are drawn from."""

    count: int
    mean: float
    variance: float


def share(hits: int, count: int, confidence: float = _CONFIDENCE) -> Interval | None:
    """Return the interval of a share (Wilson 1927), or None without cases.

    It stays within 0..1 and is right for small numbers too. Raises ValueError unless
    0 <= hits <= count.
    """
    if not 0 <= hits <= count:
        raise ValueError("a share has no more hits than cases")
    if not count:
        return None
    z = _z(confidence)
    p, weight = hits / count, z * z / count
    middle = (p + weight / 2) / (1 + weight)
    reach = z * math.sqrt(p * (1 - p) / count + weight / (4 * count)) / (1 + weight)
    low = max(middle - reach, 0.0) if hits else 0.0
    return Interval(p, low, min(middle + reach, 1.0) if hits < count else 1.0)


def difference_of_shares(
    hits: int, count: int, other_hits: int, other_count: int, confidence: float = _CONFIDENCE
) -> Interval | None:
    """Return the interval of one share less another one (Newcombe 1998, method 10)."""
    one, other = share(hits, count, confidence), share(other_hits, other_count, confidence)
    if one is None or other is None:
        return None
    found = one.estimate - other.estimate
    below = math.hypot(one.estimate - one.low, other.high - other.estimate)
    above = math.hypot(one.high - one.estimate, other.estimate - other.low)
    return Interval(found, found - below, found + above)


def difference_of_means(one: Moments, other: Moments, confidence: float = _CONFIDENCE) -> Interval | None:
    """Return the interval of one mean less another one, whose variances may differ (Welch 1947).

    It uses the normal distribution, so each side should have thirty values. The result is None if
    a side has fewer than two.
    """
    if min(one.count, other.count) < _FEWEST:
        return None
    error = math.sqrt(one.variance / one.count + other.variance / other.count)
    found, reach = one.mean - other.mean, _z(confidence) * error
    return Interval(found, found - reach, found + reach)


def ratio(
    count: int,
    above: tuple[float, float],
    below: tuple[float, float],
    product: float,
    confidence: float = _CONFIDENCE,
) -> Interval | None:
    """Return the interval of the ratio of two sums over the same cases.

    `above` and `below` are each the sum and the sum of squares of one variable, and `product` is
    the sum of the products of both. The bounds are those of Fieller (1954). They are None where
    the sum below is not clearly more than zero, because the ratio then has no upper bound.
    """
    if count < _FEWEST or below[0] <= 0:
        return None
    x, y = above[0] / count, below[0] / count
    spare = count * (count - 1)
    var_x = max(above[1] - count * x * x, 0.0) / spare
    var_y = max(below[1] - count * y * y, 0.0) / spare
    both = (product - count * x * y) / spare
    square = _z(confidence) ** 2
    a = y * y - square * var_y
    if a <= 0:
        return None
    b = x * y - square * both
    c = x * x - square * var_x
    reach = math.sqrt(max(b * b - a * c, 0.0))
    return Interval(x / y, max((b - reach) / a, 0.0), (b + reach) / a)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)
