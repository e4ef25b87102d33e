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

__all__ = [
    "GAMMA",
    "ZERO_BUCKET",
    "bucket_of",
    "merge",
    "moments",
    "percentile",
    "percentiles",
    "percentiles_of_each",
    "value_of",
]

GAMMA = 1.05
ZERO_BUCKET = -32768

_BUCKETS = 65_536  # as many as an int16 can name
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
    held, sums = _add_up(np.asarray(buckets, dtype=np.int64), np.asarray(counts, dtype=np.int64))
    return held.astype(np.int16), sums


def moments(buckets: ArrayLike, counts: ArrayLike) -> tuple[int, float, float]:
    """Return the number of values, their mean, and the variance of their population.

    Both are computed from representatives, which are within 2.5 % of the values. The variance is 0
    for fewer than two values, and the mean for none.
    """
    held, sums = np.asarray(buckets, dtype=np.int16), np.asarray(counts, dtype=np.int64)
    if (sums < 0).any():
        held, sums = merge(held, sums)
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
    return percentiles_of_each(buckets, counts, [len(np.asarray(buckets))], quantiles)[0]


def percentiles_of_each(
    buckets: ArrayLike, counts: ArrayLike, lengths: Sequence[int], quantiles: Sequence[float]
) -> list[list[float | None]]:
    """Return the quantiles of many histograms that stand one after the other; see `percentiles`.

    `lengths` has the number of buckets of each. All are computed at once, because a call of numpy
    costs more than the buckets of an hour.
    """
    if not all(0.0 <= q <= 1.0 for q in quantiles):
        raise ValueError("a quantile lies between 0 and 1")
    found: list[list[float | None]] = [[None] * len(quantiles)] * len(lengths)
    keys, sums = _merge_each(np.asarray(buckets, dtype=np.int64), np.asarray(counts, np.int64), lengths)
    if not keys.size:
        return found
    ends = np.cumsum(sums)
    owners, places = np.unique(keys // _BUCKETS, return_index=True)
    before = (ends - sums)[places]
    totals = np.diff(np.append(before, ends[-1]))
    ranks = np.asarray(quantiles, dtype=np.float64) * (totals[:, None] - 1)
    representatives = value_of(keys % _BUCKETS + ZERO_BUCKET)
    lower, upper = (
        representatives[np.searchsorted(ends, before[:, None] + rank.astype(np.int64), side="right")]
        for rank in (np.floor(ranks), np.ceil(ranks))
    )
    results = lower + (ranks - np.floor(ranks)) * (upper - lower)
    for owner, values in zip(owners.tolist(), results.tolist(), strict=True):
        found[owner] = values
    return found


def _merge_each(
    buckets: NDArray[np.int64], counts: NDArray[np.int64], lengths: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Add up each histogram; the keys hold its number and the bucket, and ascend."""
    owners = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    return _add_up(owners * _BUCKETS + (buckets - ZERO_BUCKET), counts)


def _add_up(
    keys: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    unique, position = np.unique(keys, return_inverse=True)
    sums = np.zeros(unique.size, dtype=np.int64)
    np.add.at(sums, position, counts)
    if (sums < 0).any():
        raise ValueError("more values were taken from a bucket than it held")
    kept = sums > 0
    return unique[kept], sums[kept]
