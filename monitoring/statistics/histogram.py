"""Log-bucket histograms: percentiles of any number of values from small counts that can be added.

A positive value v belongs to bucket round(log(v) / log(GAMMA)), and the representative of the
bucket is GAMMA ** bucket. A representative is within 2.5 % of every value of its bucket, and 1.0 is
represented exactly. Zero has a bucket of its own that sorts first. Any positive double has an int16
bucket. The idea is that of DDSketch (Masson, Rim, Lee: "DDSketch", PVLDB 12(12), 2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["GAMMA", "ZERO_BUCKET", "bucket_of", "merge", "moments", "percentile", "percentiles", "value_of"]

GAMMA = 1.05
ZERO_BUCKET = -32768

_LOG_GAMMA = math.log(GAMMA)


def bucket_of(values: ArrayLike) -> NDArray[np.int16]:
    """Return the bucket of each value.

    Raises ValueError for negative and non-finite values.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
        raise ValueError("a histogram takes finite values of zero or more")
    buckets = np.full(numbers.shape, ZERO_BUCKET, dtype=np.int16)
    positive = numbers > 0
    buckets[positive] = np.rint(np.log(numbers[positive]) / _LOG_GAMMA).astype(np.int16)
    return buckets


def value_of(buckets: ArrayLike) -> NDArray[np.float64]:
    """Return the representative of each bucket: 0 for the zero bucket, else GAMMA ** bucket."""
    numbers = np.asarray(buckets, dtype=np.int16)
    return np.where(numbers == ZERO_BUCKET, 0.0, np.exp(numbers * _LOG_GAMMA))


def merge(buckets: ArrayLike, counts: ArrayLike) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Add up concatenated histograms: buckets ascending and unique, without empty ones.

    Counts may be negative if a correction takes a value back. Raises ValueError if a sum is
    negative.
    """
    unique, position = np.unique(np.asarray(buckets, dtype=np.int16), return_inverse=True)
    sums = np.zeros(unique.size, dtype=np.int64)
    np.add.at(sums, position, np.asarray(counts, dtype=np.int64))
    if (sums < 0).any():
        raise ValueError("more values were taken from a bucket than it held")
    kept = sums > 0
    return unique[kept], sums[kept]


def moments(buckets: ArrayLike, counts: ArrayLike) -> tuple[int, float, float]:
    """Return the number of values, their mean, and the variance of their population.

    Both are computed from representatives, which are within 2.5 % of the values. The variance is 0
    for fewer than two values, and the mean for none.
    """
    held, sums = merge(buckets, counts)
    count = int(sums.sum())
    if not count:
        return 0, 0.0, 0.0
    values = value_of(held)
    mean = float((values * sums).sum() / count)
    spread = float((sums * (values - mean) ** 2).sum())
    return count, mean, spread / (count - 1) if count > 1 else 0.0


def percentile(buckets: ArrayLike, counts: ArrayLike, q: float) -> float | None:
    """Return the q-quantile (q in 0..1), or None if there are no values; see `percentiles`."""
    return percentiles(buckets, counts, [q])[0]


def percentiles(buckets: ArrayLike, counts: ArrayLike, quantiles: Sequence[float]) -> list[float | None]:
    """Return quantiles as SQL's percentile_cont defines them, with representatives for values.

    The rank q * (n - 1) is interpolated between its two neighbours, so each result is within one
    bucket (2.5 %) of the exact one. Buckets may be in any order and may repeat. Raises ValueError
    for a quantile outside 0..1.
    """
    if not all(0.0 <= q <= 1.0 for q in quantiles):
        raise ValueError("a quantile lies between 0 and 1")
    held, sums = merge(buckets, counts)
    if not held.size:
        return [None] * len(quantiles)
    representatives = value_of(held)
    ends = np.cumsum(sums)
    ranks = np.asarray(quantiles, dtype=np.float64) * (ends[-1] - 1)
    lower = representatives[np.searchsorted(ends, np.floor(ranks), side="right")]
    upper = representatives[np.searchsorted(ends, np.ceil(ranks), side="right")]
    results: list[float | None] = (lower + (ranks - np.floor(ranks)) * (upper - lower)).tolist()
    return results
