"""Time windows, the projected cost of a month, and tests for falling scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.statistics.steps import find_fall

__all__ = [
    "MONTH",
    "Decline",
    "Grain",
    "Window",
    "detect_decline",
    "floor_time",
    "parse_period",
    "project_month",
    "window_between",
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
# Sums by the minute are kept for three hours, and those by the hour with all names for two weeks.
_MINUTES_KEPT = timedelta(hours=3)
_HOURS_KEPT = timedelta(days=14)

# A shorter time says nothing about a month.
_SHORTEST_OBSERVATION = timedelta(minutes=10)
# The first hour of a project is often one bulk upload, which says nothing about a month.
_YOUNGEST_PROJECT = timedelta(hours=1)

# The normal approximation of Mann-Kendall holds from eight points on; the test is one-sided at 1 %.
_FEWEST_POINTS = 8
_CRITICAL_Z = -2.326
_WRONG_FALLS = 0.01
_SMALLEST_FALL = 0.03


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A period of whole buckets in UTC, `start` inclusive and `end` exclusive.

    `start` is `now` less the period, floored to the grain. `end` is the end of the bucket that
    holds `now`. Rollups therefore answer a window exactly, and a row counts if start <= occurred_at
    < end.
    """

    period: str
    start: datetime
    end: datetime
    now: datetime
    grain: Grain

    @property
    def bucket(self) -> timedelta:
        """The length of one bucket."""
        return _BUCKETS[self.grain]

    def bucket_starts(self) -> Iterator[datetime]:
        """Yield the start of every bucket in order, also of those without values."""
        at = self.start
        while at < self.end:
            yield at
            at += self.bucket

    def observed(self, since: datetime | None) -> timedelta:
        """Return how much of the window lies between `since`, when observation began, and `now`."""
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

    Its buckets are minutes for up to 3 hours, hours for up to 7 days, and days beyond that. Raises
    ValueError for a period that `parse_period` does not know.
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


def window_between(start: datetime, end: datetime, now: datetime) -> Window:
    """Return the window of whole buckets that holds everything from `start` to `end` (aware).

    Its buckets are as in `window_of`, but longer where shorter ones are no longer kept at `now`. An
    end in the future is moved to `now`. Raises ValueError if the period is empty, begins in the
    future, or is longer than ten years.
    """
    start, now = start.astimezone(UTC), now.astimezone(UTC)
    end = min(end.astimezone(UTC), now)
    if start >= end:
        raise ValueError("a period ends after its start, and begins in the past")
    if end - start > _LONGEST_PERIOD:
        raise ValueError("a period is at most ten years long")
    grain: Grain = "day"
    if end - start <= _MINUTE_GRAIN_UP_TO and now - start <= _MINUTES_KEPT:
        grain = "minute"
    elif end - start <= _HOUR_GRAIN_UP_TO and now - start <= _HOURS_KEPT:
        grain = "hour"
    first, last = floor_time(start, grain), floor_time(end, grain)
    return Window(
        period=f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
        start=first,
        end=last if last == end else last + _BUCKETS[grain],
        now=end,
        grain=grain,
    )


def project_month(total: Decimal | None, window: Window, since: datetime | None) -> Decimal | None:
    """Return the cost of a month at the rate of the observed part of the window.

    `since` is the moment of the project's first record: with a week of history, a window of 30 days
    is judged by that week. Returns None if the total is unknown, if less than ten minutes were
    observed, or if the project is younger than an hour.
    """
    observed = window.observed(since)
    young = since is not None and window.now - since < _YOUNGEST_PROJECT
    if total is None or young or observed < _SHORTEST_OBSERVATION:
        return None
    return total * Decimal(MONTH // timedelta(seconds=1)) / Decimal(observed.total_seconds())


class Decline(msgspec.Struct, frozen=True, kw_only=True):
    """A falling score: weighted averages before and after, and the test statistic.

    `since` is the place of the first lower bucket, where the score fell at one moment. It is None
    where it fell slowly, and the averages are then those of the first and the last third.
    """

    before: float
    after: float
    z: float
    since: int | None = None


def detect_decline(averages: Sequence[float | None], counts: Sequence[int]) -> Decline | None:
    """Tell whether averages per bucket, in order of time, fall; buckets without values are None.

    A decline is a fall of at least 0.03 that chance does not explain, over at least eight buckets
    with values. Two tests look for it, each at 1 %: one for a lower level that begins with some
    bucket (`find_fall`), and the one-sided test of Mann (1945) and Kendall (1975), with ties as
    Gilbert (1987), for a slow fall between the first and the last third. If both find one, the
    one that describes the averages better is returned. A single bad bucket is no decline.
    """
    points = [
        (a, c, at) for at, (a, c) in enumerate(zip(averages, counts, strict=True)) if a is not None and c > 0
    ]
    if len(points) < _FEWEST_POINTS:
        return None
    values, weights, places = zip(*points, strict=True)
    series, sizes = np.array(values), np.array(weights, dtype=np.float64)
    sudden, slow = _fall(values, weights, places), _slow_fall(series, sizes)
    if sudden is None or slow is None:
        return sudden or slow
    level = np.where(np.array(places) < sudden.since, sudden.before, sudden.after)
    line = np.polyval(np.polyfit(np.arange(series.size), series, 1), np.arange(series.size))
    left = [float((sizes * (series - fit) ** 2).sum()) for fit in (level, line)]
    return sudden if left[0] < left[1] else slow


def _fall(values: Sequence[float], weights: Sequence[int], places: Sequence[int]) -> Decline | None:
    step = find_fall(values, weights, _WRONG_FALLS)
    if step is None or step.before - step.after < _SMALLEST_FALL:
        return None
    return Decline(before=step.before, after=step.after, z=step.z, since=places[step.place])


def _slow_fall(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Decline | None:
    z = _mann_kendall(values)
    third = values.size // 3
    before = float(np.average(values[:third], weights=weights[:third]))
    after = float(np.average(values[-third:], weights=weights[-third:]))
    if z > _CRITICAL_Z or before - after < _SMALLEST_FALL:
        return None
    return Decline(before=before, after=after, z=z)


def _mann_kendall(values: NDArray[np.float64]) -> float:
    """Return the standardised Mann-Kendall statistic, which is negative if values fall."""
    n = values.size
    statistic = float(np.triu(np.sign(values[None, :] - values[:, None]), 1).sum())
    _, ties = np.unique(values, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if variance <= 0 or statistic == 0:
        return 0.0
    return (statistic - math.copysign(1, statistic)) / math.sqrt(variance)
