"""A change of behaviour: the distribution of a window held against that of earlier hours.

The distance of two distributions is the share of calls that differ. For values it is the largest
difference of the shares up to some value (that of Kolmogorov and Smirnov), for labels the largest
difference of the shares of one label. The value of a rule is what remains of it after the distance
that chance brings about is taken off. How much hours differ beyond the chance of few calls is
measured on the earlier hours themselves, without the largest tenth of their distances.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.alerting.baselines import HOUR, hour_of
from monitoring.alerting.rules import Rule
from monitoring.alerting.tallies import Place, Tally

__all__ = ["Shift", "Shifts", "least_shift"]

_FEWEST_HOURS = 24
_LEFT_OUT = 0.1
# Of the squares of distances that chance alone brings about, times the number of calls: the mean
# without the largest tenth (of Kolmogorov's distribution), and that of a normal variable.
_KOLMOGOROV, _NORMAL = 0.70, 0.623
# Chance goes beyond these limits in less than one of a million windows.
_BEYOND, _RESTLESS, _ODDS = 2.8, 5.5, 1e-6
_MORE = 1e-9

_Floats = NDArray[np.float64]


class Shift(NamedTuple):
    """How far a window is from earlier hours: `value` is the share of calls beyond chance, 0 to 1.

    `place` is the label, or the bucket up to which the shares are counted. `before` and `after` are
    these shares. `was` is the distribution of the earlier hours.
    """

    value: float
    place: Place
    before: float
    after: float
    was: Mapping[Place, int]


class _Hours(NamedTuple):
    """Distributions in rows: the counts of each place, or up to it, and the number of calls."""

    counts: _Floats
    n: _Floats


class Shifts:
    """The hours of one group, from which each window is told how far it is from earlier ones.

    `hours` are tallies by the start of the hour. `places` are further places that windows may have.
    """

    def __init__(self, rule: Rule, hours: Mapping[datetime, Tally], places: Iterable[Place] = ()) -> None:
        self._rule = rule
        found = {place for tally in hours.values() for place in tally.bins}.union(places)
        self._places: list[Place] = sorted(found, key=lambda place: (isinstance(place, str), place))
        self._rank = {place: rank for rank, place in enumerate(self._places)}
        self._labelled = any(isinstance(place, str) for place in self._places)
        self._rows = {at: self._row(tally.bins) for at, tally in hours.items() if tally.n > 0}
        self._compared: dict[datetime, tuple[_Floats, _Floats]] = {}

    def read(self, tally: Tally, span: tuple[datetime, datetime]) -> Shift | None:
        """Return how far a window is from the earlier hours; None where these are too few."""
        if tally.n <= 0 or not self._rows:
            return None
        begin = hour_of(span[0])
        usual = self._add_up(self._same(begin, span[1]))
        if usual.n[0] <= 0:
            return None
        spread = self._spread(begin)
        if spread is None:
            return None
        own = _Hours(self._row(tally.bins)[None, :], np.array([float(sum(tally.bins.values()))]))
        difference = (own.counts / own.n[0] - usual.counts / usual.n[0])[0]
        over = np.abs(difference) - self._chance(own, usual, spread)
        # Of two labels that exchange their calls, the one that has more of them now is shown.
        at = int((over + _MORE * (difference > 0)).argmax())
        return Shift(
            value=float(max(0.0, over[at])),
            place=self._places[at],
            before=float(usual.counts[0, at] / usual.n[0]),
            after=float(own.counts[0, at] / own.n[0]),
            was=self._single(usual),
        )

    def _row(self, bins: Mapping[Place, int]) -> _Floats:
        row = np.zeros(len(self._places))
        for place, number in bins.items():
            row[self._rank[place]] += number
        return row if self._labelled else np.cumsum(row)

    def _single(self, hours: _Hours) -> Mapping[Place, int]:
        counts = hours.counts[0] if self._labelled else np.diff(hours.counts[0], prepend=0.0)
        return {place: round(number) for place, number in zip(self._places, counts.tolist(), strict=True)}

    def _same(self, begin: datetime, end: datetime) -> list[datetime]:
        """Return the earlier hours with which a window is compared."""
        last = hour_of(end - timedelta(microseconds=1))
        hours = [begin + HOUR * number for number in range((last - begin) // HOUR + 1)]
        return [before for hour in hours for before in self._before(hour - self._rule.period)]

    def _before(self, hour: datetime) -> list[datetime]:
        """Return an hour, and the same hours before it that a rule looks at."""
        number = self._rule.past // self._rule.period
        return [hour - self._rule.period * place for place in range(number)]

    def _add_up(self, hours: Iterable[datetime]) -> _Hours:
        rows = [self._rows[hour] for hour in hours if hour in self._rows]
        counts = np.sum(rows, axis=0) if rows else np.zeros(len(self._places))
        return _Hours(counts[None, :], np.array([self._total(counts)]))

    def _total(self, counts: _Floats) -> float:
        return float(counts.sum() if self._labelled else counts[-1])

    def _spread(self, begin: datetime) -> _Floats | None:
        """Return the variance of the distance of hours beyond the chance of few calls, by place."""
        hours = [begin - HOUR * number for number in range(1, self._rule.period // HOUR + 1)]
        found = [self._differ(hour) for hour in hours]
        squares = np.concatenate([one for one, _ in found])
        weights = np.concatenate([one for _, one in found])
        if len(weights) < _FEWEST_HOURS:
            return None
        kept = max(1, int(len(weights) * (1 - _LEFT_OUT)))
        usual = _NORMAL if self._labelled else _KOLMOGOROV
        least = np.partition(squares, kept - 1, axis=0)[:kept]
        excess: _Floats = np.maximum(0.0, (least - usual).mean(axis=0)) / weights.mean() / _NORMAL
        return excess

    def _differ(self, hour: datetime) -> tuple[_Floats, _Floats]:
        """Return how an hour and the same hours before it differ from each other, computed once."""
        found = self._compared.get(hour)
        if found is None:
            found = self._compare(self._before(hour))
            self._compared[hour] = found
        return found

    def _compare(self, hours: Iterable[datetime]) -> tuple[_Floats, _Floats]:
        """Return the squares of the distances of hours from the others, and their weights.

        A square is in units of the chance of few calls, by place; a weight is the number of calls
        that stands for both.
        """
        rows = [self._rows[hour] for hour in hours if hour in self._rows]
        columns = len(self._places) if self._labelled else 1
        if len(rows) < 2:  # noqa: PLR2004 one hour has no others
            return np.zeros((0, columns)), np.zeros(0)
        counts = np.array(rows)
        n = counts.sum(axis=1) if self._labelled else counts[:, -1]
        rest, m = counts.sum(axis=0) - counts, n.sum() - n
        difference = counts / n[:, None] - rest / m[:, None]
        weight = n * m / (n + m)
        if not self._labelled:
            return np.abs(difference).max(axis=1, keepdims=True) ** 2 * weight[:, None], weight
        share = (counts.sum(axis=0) / n.sum())[None, :]
        own = np.maximum(share * (1 - share), 1e-9)
        # A difference in units of chance stands for its own variance, so it is scaled back by it.
        return difference**2 / own * weight[:, None], weight

    def _chance(self, own: _Hours, usual: _Hours, spread: _Floats) -> _Floats:
        """Return the distance that chance brings about, by place."""
        few = 1 / own.n[0] + 1 / usual.n[0]
        if not self._labelled:
            return np.full(len(self._places), np.sqrt(_BEYOND**2 * few + _RESTLESS**2 * spread[0]))
        share = (own.counts[0] + usual.counts[0]) / (own.n[0] + usual.n[0])
        odds = math.log(2 * len(self._places) / _ODDS)
        within = share * (1 - share)
        found: _Floats = np.sqrt(within * (2 * odds * few + _RESTLESS**2 * spread)) + odds / 3 / own.n[0]
        return found


def least_shift(n: int) -> float:
    """Return the smallest distance that is beyond chance in a window of `n` calls, 0 to 1."""
    return min(1.0, _BEYOND / math.sqrt(max(n, 1)))
