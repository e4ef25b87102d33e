"""Time windows, what a month would cost, and whether a score is falling."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec
import numpy as np

__all__ = [
    "MONTH",
    "Decline",
    "Grain",
    "Window",
    "detect_decline",
    "floor_time",
    "parse_period",
    "project_month",
    "window_of",
]

Grain = Literal["minute", "hour", "day"]

MONTH = timedelta(days=365.25 / 12)

_BUCKETS: dict[Grain, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONGEST_PERIOD = timedelta(days=3660)
_MOST_DIGITS = 7
_MINUTE_GRAIN_UP_TO = timedelta(hours=3)
_HOUR_GRAIN_UP_TO = timedelta(days=7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Less time than this says nothing about a month.
_SHORTEST_OBSERVATION = timedelta(minutes=10)
# A project's first hour is often one bulk upload, which says nothing about a month.
_YOUNGEST_PROJECT = timedelta(hours=1)

# Mann-Kendall: with eight points its normal approximation holds; one-sided 1 %.
_FEWEST_POINTS = 8
_CRITICAL_Z = -2.326
_SMALLEST_FALL = 0.03


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time made of whole buckets of UTC, `start` inclusive and `end` exclusive.

    `start` is `now` less the period, floored to the grain; `end` is the end of the bucket that holds
    `now`, so rollups answer a window exactly and a row counts when start <= occurred_at < end.
    """

    period: str
    start: datetime
    end: datetime
    now: datetime
    grain: Grain

    @property
    def bucket(self) -> timedelta:
        """Length of one bucket."""
        return _BUCKETS[self.grain]

    def bucket_starts(self) -> Iterator[datetime]:
        """Yield the start of every bucket in order, so that a trend can show its gaps."""
        at = self.start
        while at < self.end:
            yield at
            at += self.bucket

    def observed(self, since: datetime | None) -> timedelta:
        """Return how much of the window has been watched by `now`, when watching began at `since`."""
        begun = self.start if since is None else max(self.start, since)
        return max(self.now - begun, timedelta(0))


def parse_period(period: str) -> timedelta:
    """Read a whole number followed by m, h, d or w: minutes, hours, days, weeks.

    Raises ValueError for anything else, for zero and for more than ten years.
    """
    digits, unit = period[:-1], period[-1:]
    known = digits.isascii() and digits.isdigit() and digits[0] != "0" and unit in _UNITS
    length = int(digits) * _UNITS[unit] if known and len(digits) <= _MOST_DIGITS else None
    if length is None or length > _LONGEST_PERIOD:
        raise ValueError("a time period is a number and m, h, d or w, such as 15m, 24h, 7d or 30d")
    return length


def floor_time(moment: datetime, grain: Grain) -> datetime:
    """Return the start of the UTC minute, hour or day that holds an aware moment."""
    return moment - (moment - _EPOCH) % _BUCKETS[grain]


def window_of(period: str, now: datetime) -> Window:
    """Return the window that ends with the bucket of `now` (aware UTC).

    Up to 3 hours it is made of minutes, up to 7 days of hours, beyond that of days. Raises ValueError for
    a period that `parse_period` does not know.
    """
    length = parse_period(period)
    grain: Grain = "day"
    if length <= _MINUTE_GRAIN_UP_TO:
        grain = "minute"
    elif length <= _HOUR_GRAIN_UP_TO:
        grain = "hour"
    now = now.astimezone(UTC)
    return Window(
        period=period,
        start=floor_time(now - length, grain),
        end=floor_time(now, grain) + _BUCKETS[grain],
        now=now,
        grain=grain,
    )


def project_month(total: Decimal | None, window: Window, since: datetime | None) -> Decimal | None:
    """Return what a month would come to at the rate of the part of the window that was watched.

    `since` is when this project's first record ever occurred: with a week of history a 30-day window is
    judged by that week. None when the total is unknown, less than ten minutes were watched, or the project is
    younger than an hour.
    """
    observed = window.observed(since)
    young = since is not None and window.now - since < _YOUNGEST_PROJECT
    if total is None or young or observed < _SHORTEST_OBSERVATION:
        return None
    return total * Decimal(MONTH // timedelta(seconds=1)) / Decimal(observed.total_seconds())


class Decline(msgspec.Struct, frozen=True, kw_only=True):
    """A falling score: weighted averages of the first and last third, and the test statistic."""

    before: float
    after: float
    z: float


def detect_decline(averages: Sequence[float | None], counts: Sequence[int]) -> Decline | None:
    """Tell whether averages per bucket, in order of time, fall; buckets without values are None.

    A decline is a one-sided Mann-Kendall test at 1 % (Mann 1945; Kendall 1975; ties as Gilbert 1987)
    over at least eight buckets, and a fall of 0.03 or more between the first and the last third, where
    buckets weigh by their counts. A single bad bucket is none.
    """
    points = [(a, c) for a, c in zip(averages, counts, strict=True) if a is not None and c > 0]
    if len(points) < _FEWEST_POINTS:
        return None
    values = np.array([average for average, _ in points])
    weights = np.array([count for _, count in points], dtype=np.float64)
    z = _mann_kendall(values)
    third = len(points) // 3
    before = float(np.average(values[:third], weights=weights[:third]))
    after = float(np.average(values[-third:], weights=weights[-third:]))
    if z > _CRITICAL_Z or before - after < _SMALLEST_FALL:
        return None
    return Decline(before=before, after=after, z=z)


def _mann_kendall(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Return the standardised Mann-Kendall statistic, negative when values fall."""
    n = values.size
    statistic = float(np.triu(np.sign(values[None, :] - values[:, None]), 1).sum())
    _, ties = np.unique(values, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if variance <= 0 or statistic == 0:
        return 0.0
    return (statistic - math.copysign(1, statistic)) / math.sqrt(variance)
