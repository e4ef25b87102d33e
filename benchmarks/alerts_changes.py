"""Measure how the rules about a change of behaviour tell quiet streams from changed ones.

`python -m benchmarks.alerts` runs it. A stream has the lengths of its responses, or their forms, by
five minutes, with the rhythms of days and weeks and with hours that differ beyond chance. A rule
judges it every five minutes, exactly as a worker does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from monitoring.alerting.changes import read_change
from monitoring.alerting.machine import observe
from monitoring.alerting.ready import READY_RULES
from monitoring.alerting.rules import Rule
from monitoring.alerting.shifts import Shifts, least_shift
from monitoring.alerting.states import AlertState, Observation, Reading
from monitoring.alerting.tallies import Place, Tally
from monitoring.statistics.histogram import bucket_of, value_of

__all__ = ["KINDS", "Kind", "count_alarms", "minutes_to_find"]

WEEK: Final = 168
_WORKDAYS, _SLOTS, _RECORDS = 5, 12, 1_000
_HOUR = timedelta(hours=1)
_START = datetime(2026, 3, 2, tzinfo=UTC)
_DAYS = 30
# A length in tokens: the median, the standard deviation of its logarithm, and how much the median
# of an hour differs from that of the same hour of other weeks.
_MEDIAN, _DEVIATION, _RESTLESS = 420.0, 0.8, 0.03
_BUCKETS = np.arange(int(bucket_of(20.0)), int(bucket_of(9_000.0)) + 1, 2)
_FORMS: Final = ("prose", "list", "code", "json", "table", "empty")
_SHARES = np.array([0.55, 0.2, 0.12, 0.1, 0.025, 0.005])
_RESTLESS_FORMS = 0.05
# Three tenths of the responses that were prose or lists are JSON.
_MOVED = 0.3

_Floats = NDArray[np.float64]


class Kind(NamedTuple):
    """What a stream holds, the rule that watches it, and what is changed in it."""

    title: str
    rule: Rule
    change: str


_LENGTH = replace(READY_RULES["response-length"], group_by=None)
_FORM = replace(READY_RULES["response-form"], group_by=None)
KINDS: Final = (
    Kind("length of responses, against past weeks", _LENGTH, "shorter by one standard deviation"),
    Kind(
        "length of responses, against 7 days", replace(_LENGTH, days=7), "shorter by one standard deviation"
    ),
    Kind("form of responses, against past weeks", _FORM, f"{_MOVED:.0%} of them became JSON"),
)


class _Stream:
    """Slots of five minutes with the number of responses of each length, or of each form."""

    def __init__(self, kind: Kind, seed: int, hours: int, changed: int | None = None) -> None:
        self.kind = kind
        self._labelled = kind.rule.metric.startswith("label:")
        self.places: list[Place] = [*_FORMS] if self._labelled else _BUCKETS.tolist()
        draw = np.random.default_rng(seed)
        at = np.arange(hours)
        day = np.sin(2 * np.pi * (at + draw.uniform(0, 24)) / 24)
        weekend = (at // 24 % 7) >= _WORKDAYS
        busy = _RECORDS / _SLOTS * (1 + 0.4 * day) * np.where(weekend, 0.6, 1.1)
        n = draw.poisson(np.repeat(busy, _SLOTS))
        usual = np.repeat(self._share(draw, day, weekend), _SLOTS, axis=0)
        if changed is not None:
            usual[changed:] = self._changed(usual[changed:])
        self.counts: _Floats = draw.multinomial(n, usual).astype(float)
        self.hourly: _Floats = self.counts.reshape(hours, _SLOTS, -1).sum(axis=1)

    def _share(self, draw: np.random.Generator, day: _Floats, weekend: NDArray[np.bool_]) -> _Floats:
        if self._labelled:
            restless = draw.normal(0, _RESTLESS_FORMS, (day.size, len(_FORMS)))
            rhythm = np.outer(day, [0.1, -0.1, 0.2, -0.2, 0, 0]) + np.outer(weekend, [0.1, 0, -0.3, 0, 0, 0])
            weights: _Floats = _SHARES * np.exp(restless + rhythm)
        else:
            middle = np.log(_MEDIAN) + 0.1 * day - 0.1 * weekend + draw.normal(0, _RESTLESS, day.size)
            away = (np.log(value_of(_BUCKETS))[None, :] - middle[:, None]) / _DEVIATION
            weights = np.exp(-(away**2) / 2)
        shares: _Floats = weights / weights.sum(axis=1, keepdims=True)
        return shares

    def _changed(self, shares: _Floats) -> _Floats:
        if self._labelled:
            moved = shares.copy()
            taken = _MOVED * moved[:, :2] / moved[:, :2].sum(axis=1, keepdims=True)
            moved[:, :2] -= taken
            moved[:, 3] += taken.sum(axis=1)
            return moved
        # A deviation is so many buckets.
        by = round(_DEVIATION / float(np.log(value_of([2])[0])))
        moved = np.zeros_like(shares)
        moved[:, :-by] = shares[:, by:]
        moved[:, 0] += shares[:, :by].sum(axis=1)
        return moved

    def readings(self, first: int, last: int) -> Iterator[tuple[int, Reading]]:
        """Yield what the rule finds at the end of the slots at which it may find a change."""
        rule, before = self.kind.rule, -2
        for place in np.flatnonzero(self._suspicious(first, last)).tolist():
            end = first + 1 + place
            if before not in {-2, end - 1}:
                yield before + 1, Reading(0.0, _RECORDS)  # nothing was found in between
            before, begin = end, end - _SLOTS
            hour = begin // _SLOTS
            hours = range(hour - rule.past // _HOUR, hour)
            begun = _START + _HOUR * begin / _SLOTS
            tally = self._tally(self.counts[begin:end].sum(axis=0))
            shifts = Shifts(rule, {_START + at * _HOUR: self._tally(self.hourly[at]) for at in hours})
            yield end, read_change(rule, shifts, tally, (begun, begun + _HOUR))

    def _suspicious(self, first: int, last: int) -> NDArray[np.bool_]:
        """Tell which windows are further from the usual than their threshold: few are.

        Their ends are the slots after `first` up to `last`.
        """
        rule = self.kind.rule
        begins = np.arange(first + 1, last + 1) - _SLOTS
        running = np.vstack([np.zeros(len(self.places)), np.cumsum(self.counts, axis=0)])
        own = running[begins + _SLOTS] - running[begins]
        hours, over = begins // _SLOTS, begins % _SLOTS > 0
        period, number = rule.period // _HOUR, rule.past // rule.period
        same = sum(self.hourly[hours - period * place] for place in range(1, number + 1))
        after = sum(self.hourly[hours + 1 - period * place] for place in range(1, number + 1))
        usual = same + np.where(over[:, None], after, 0)
        n = own.sum(axis=1)
        difference = own / n[:, None] - usual / usual.sum(axis=1)[:, None]
        if self._labelled:
            return np.asarray(np.abs(difference).max(axis=1) > (rule.warning or 0))
        few = np.array([least_shift(int(one)) for one in n])
        distance = np.abs(np.cumsum(difference, axis=1)).max(axis=1)
        return np.asarray(distance > few + (rule.warning or 0))

    def _tally(self, counts: _Floats) -> Tally:
        bins = {place: int(number) for place, number in zip(self.places, counts, strict=True) if number}
        return Tally(int(counts.sum()), 0.0, bins)


def count_alarms(kind: Kind, seed: int) -> int:
    """Return how often a rule fires in thirty days of a quiet stream."""
    past = (kind.rule.weeks + 1) * WEEK
    stream = _Stream(kind, seed, past + _DAYS * 24)
    return sum(1 for _ in _fire(kind.rule, stream.readings(past * _SLOTS, (past + _DAYS * 24) * _SLOTS)))


def minutes_to_find(kind: Kind, seed: int) -> float:
    """Return the minutes until a rule fires after a change."""
    past = (kind.rule.weeks + 1) * WEEK
    at = past * _SLOTS + int(np.random.default_rng(seed).integers(0, 24 * _SLOTS))
    stream = _Stream(kind, seed, past + 48, changed=at)
    found = next(_fire(kind.rule, stream.readings(at, at + 12 * _SLOTS)), None)
    return float("inf") if found is None else (found - at) * 60 / _SLOTS


def _fire(rule: Rule, readings: Iterator[tuple[int, Reading]]) -> Iterator[int]:
    state = AlertState()
    for slot, reading in readings:
        at = _START + slot * _HOUR / _SLOTS
        state, _, notices = observe(rule, state, Observation(at, {"": reading}), at)
        for notice in notices:
            if notice.kind == "firing":
                yield slot
