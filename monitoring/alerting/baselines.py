"""A value held against the same hours of past weeks: as a ratio, or as a deviation.

The deviation is in standard errors. How much hours differ from the same hours of other weeks is
measured on the past itself, so that a metric that is restless by nature raises no alarm. Of these
differences the largest tenth is left out, so that one bad day of the past hides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.alerting.rules import Rule
from monitoring.alerting.tallies import Tally, add_up, value_of

__all__ = ["HOUR", "Baseline", "Past", "compare", "gather", "hour_of"]

HOUR: Final = timedelta(hours=1)
_WEEK: Final = timedelta(weeks=1)
_HOURS_PER_WEEK: Final = 168
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FEWEST_DIFFERENCES = 24
_LEFT_OUT = 0.1
# The mean square of a normal variable without the largest tenth of its absolute values is 0.623.
_TRIMMED = 1 / 0.623
# Totals vary as counts do, and by a tenth beyond that.
_RESTLESS = 0.01
_MOST = 1_000.0

_Floats = NDArray[np.float64]


class Past(NamedTuple):
    """Hours of past weeks: `n` and `totals` by week (the last one first) and by hour.

    The first hour of a row is the same hour of its week as the first of the window. `known` says
    which hours are after the first record of the project.
    """

    n: _Floats
    totals: _Floats
    known: NDArray[np.bool_]


def hour_of(moment: datetime) -> datetime:
    """Return the start of the hour that holds an aware moment."""
    return moment - (moment - _EPOCH) % HOUR


def compare(
    rule: Rule,
    tally: Tally,
    span: tuple[datetime, datetime],
    hours: Mapping[datetime, Tally],
    first: datetime | None,
) -> float | None:
    """Return the value of a window as the rule compares it, None where there is no past for that.

    `span` is the window, `hours` the tallies by the start of their hour, and `first` the moment of
    the project's first record.
    """
    if rule.compare == "value":
        return value_of(rule, tally)
    if first is None:
        return None
    if rule.compare == "ratio":
        return _ratio(rule, tally, span, hours, first)
    past = gather(rule.weeks, span[0], hours, first)
    return Baseline(rule, past).deviate(tally, _overlaps(*span))


def _overlaps(start: datetime, end: datetime) -> list[float]:
    """Return which part of each hour from that of `start` is within the window."""
    hour, parts = hour_of(start), []
    while hour < end:
        parts.append((min(end, hour + HOUR) - max(start, hour)) / HOUR)
        hour += HOUR
    return parts


def _ratio(
    rule: Rule,
    tally: Tally,
    span: tuple[datetime, datetime],
    hours: Mapping[datetime, Tally],
    first: datetime,
) -> float | None:
    start = hour_of(span[0])
    weeks = [week for week in range(1, rule.weeks + 1) if start - week * _WEEK >= hour_of(first)]
    parts = _overlaps(*span)
    same = [
        (part, hours.get(start - week * _WEEK + place * HOUR, Tally()))
        for week in weeks
        for place, part in enumerate(parts)
    ]
    value = value_of(rule, tally)
    if rule.aggregation == "sum":
        usual = sum(part * hour.total for part, hour in same) / len(weeks) if weeks else None
    else:
        usual = value_of(rule, add_up(hour for _, hour in same))
    return None if value is None or not usual else value / usual


def gather(weeks: int, start: datetime, hours: Mapping[datetime, Tally], first: datetime) -> Past:
    """Return the past weeks before the hour of `start` as arrays."""
    begin = hour_of(start)
    shape = (weeks, _HOURS_PER_WEEK)
    n, totals, known = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
    for week in range(weeks):
        for place in range(_HOURS_PER_WEEK):
            hour = begin - (week + 1) * _WEEK + place * HOUR
            known[week, place] = hour >= first
            if (tally := hours.get(hour)) is not None:
                n[week, place], totals[week, place] = tally.n, tally.total
    return Past(n, totals, known)


class Baseline:
    """What is usual in the first hours of `past`, and how much it varies: measured once."""

    def __init__(self, rule: Rule, past: Past) -> None:
        self._rate = rule.aggregation == "rate"
        self._known = past.known.sum(axis=0)
        self._n, self._totals = past.n.sum(axis=0), past.totals.sum(axis=0)
        self._total = rule.aggregation == "sum"
        self._least = 0.0
        self._typical = 0.0
        self._variance = self._vary_total(past) if self._total else self._vary_mean(past)

    def deviate(self, tally: Tally, parts: list[float]) -> float | None:
        """Return the deviation of a window in standard errors, -1000 to 1000; None without a past.

        `parts` says how much of each of the first hours the window covers.
        """
        if self._variance is None:
            return None
        shares = np.array(parts)
        found = self._of_total(tally, shares) if self._total else self._of_mean(tally, shares)
        return None if found is None else max(-_MOST, min(_MOST, found))

    def _vary_mean(self, past: Past) -> float | None:
        """Return the variance of one record, as the hours of other weeks show it."""
        others = self._n - past.n
        usable = (past.n > 0) & (others > 0)
        if usable.sum() < _FEWEST_DIFFERENCES:
            return None
        own, rest = past.n[usable], others[usable]
        difference = past.totals[usable] / own - (self._totals - past.totals)[usable] / rest
        self._typical = float(np.median(own))
        return _trimmed(difference**2 / (1 / own + 1 / rest))

    def _of_mean(self, tally: Tally, parts: _Floats) -> float | None:
        usual_n = float(parts @ self._n[: len(parts)])
        if tally.n <= 0 or usual_n <= 0 or self._variance is None:
            return None
        usual = float(parts @ self._totals[: len(parts)]) / usual_n
        variance = self._variance
        if self._rate:
            # One hit more than expected, because few hits are not distributed normally.
            share = min(1.0, float(self._totals.sum() / self._n.sum()) + 1 / tally.n)
            variance = max(variance, share * (1 - share), 1 / tally.n)
        # An hour is not known better than hours are alike, however many records it has.
        error = variance * (1 / min(tally.n, self._typical) + 1 / usual_n)
        return _divide(tally.total / tally.n - usual, error, usual)

    def _vary_total(self, past: Past) -> float | None:
        """Return how much more than counts the totals vary, on a scale of logarithms."""
        weeks = self._known
        enough = past.known & (weeks > 1)
        if enough.sum() < _FEWEST_DIFFERENCES:
            return None
        self._least = max(float((self._totals / np.maximum(weeks, 1)).mean()) / 20, 1e-12)
        others = (self._totals - past.totals) / np.maximum(weeks - 1, 1)
        ratio = np.log((past.totals + self._least) / (others + self._least))
        spread = (1 / (self._n / np.maximum(weeks, 1) + 1) + _RESTLESS) * (1 + 1 / np.maximum(weeks - 1, 1))
        return max(1.0, _trimmed((ratio**2 / spread)[enough]))

    def _of_total(self, tally: Tally, parts: _Floats) -> float | None:
        weeks = self._known[: len(parts)]
        if weeks.min() < 1 or self._variance is None:
            return None
        usual = float(parts @ (self._totals[: len(parts)] / weeks))
        records = float(parts @ (self._n[: len(parts)] / weeks))
        least = self._least * float(parts.sum())
        error = self._variance * (1 / (records + 1) + _RESTLESS) * (1 + 1 / float(weeks.min()))
        return _divide(float(np.log((tally.total + least) / (usual + least))), error, 1.0)


def _trimmed(squares: _Floats) -> float:
    kept = np.sort(squares)[: max(1, int(len(squares) * (1 - _LEFT_OUT)))]
    return float(kept.mean()) * _TRIMMED


def _divide(difference: float, variance: float, usual: float) -> float:
    # A metric that never changed has no error, and a change of a ten-thousandth is none.
    least = (1e-4 * abs(usual)) ** 2
    return difference / float(np.sqrt(max(variance, least, 1e-24)))
