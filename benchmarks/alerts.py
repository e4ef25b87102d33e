"""Measure how statistical alert rules tell quiet streams from changed ones.

    python -m benchmarks.alerts [--streams 1000] [--falls 200]

It simulates streams of 1,000 records an hour with the rhythms of days and weeks: each hour has its
own number of records and its own quality, and hours differ from the same hours of other weeks by
more than chance. Each stream has four weeks of past and thirty days that are judged every five
minutes by the ready rule `quality-drop`, exactly as a worker judges them. It prints two figures:
how many alarms all quiet streams raised in thirty days, which may be one, and how long it took to
find a fall by one standard deviation of a record's quality, which may be an hour.

The same two figures follow for each rule about a change of behaviour (`benchmarks/alerts_changes`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.alerts_changes import KINDS, Kind
from benchmarks.alerts_changes import count_alarms as count_alarms_of_change
from benchmarks.alerts_changes import minutes_to_find as minutes_to_find_change
from monitoring.alerting.baselines import Baseline, Past
from monitoring.alerting.machine import observe
from monitoring.alerting.ready import READY_RULES
from monitoring.alerting.states import AlertState, Observation, Reading
from monitoring.alerting.tallies import Tally

_RULE = READY_RULES["quality-drop"]
_WEEK, _WORKDAYS, _DAYS, _SLOTS = 168, 5, 30, 12
_PAST = _RULE.weeks * _WEEK
_RECORDS, _QUALITY, _DEVIATION = 1_000, 0.6, 0.15
_START = datetime(2026, 3, 2, tzinfo=UTC)
_SLOT = timedelta(hours=1) / _SLOTS
_SEED = 20_261_130
_MOST_ALARMS, _MOST_MINUTES = 1, 60
# Quality differs by so much from the same hour of other weeks, whatever the number of records.
_RESTLESS = 0.005

_Floats = NDArray[np.float64]


class Stream:
    """Slots of five minutes: the number of records and the sum of their quality."""

    def __init__(self, seed: int, hours: int) -> None:
        draw = np.random.default_rng(seed)
        at = np.arange(hours * _SLOTS) / _SLOTS
        phase = draw.uniform(0, 24)
        day = np.sin(2 * np.pi * (at + phase) / 24)
        weekend = (at // 24 % 7) >= _WORKDAYS
        busy = _RECORDS / _SLOTS * (1 + 0.4 * day) * np.where(weekend, 0.6, 1.1)
        self.n: _Floats = draw.poisson(busy).astype(float)
        restless = np.repeat(draw.normal(0, _RESTLESS, hours), _SLOTS)
        level = _QUALITY + 0.03 * day - 0.02 * weekend + restless
        chance = draw.normal(0, 1, self.n.size) * _DEVIATION * np.sqrt(self.n)
        self.totals: _Floats = self.n * level + chance

    def lower(self, first: int, fall: float) -> None:
        """Lower the quality of every record from a slot on."""
        self.totals[first:] -= fall * self.n[first:]

    def readings(self, first: int, last: int) -> Iterator[tuple[int, Reading]]:
        """Yield what the rule finds at the end of each slot from `first` to before `last`."""
        hourly_n = self.n.reshape(-1, _SLOTS).sum(axis=1)
        hourly = self.totals.reshape(-1, _SLOTS).sum(axis=1)
        known = np.ones((_RULE.weeks, _WEEK), dtype=bool)
        baseline, of = None, -1
        for end in range(first + 1, last + 1):
            begin = end - _SLOTS
            hour, over = divmod(begin, _SLOTS)
            if baseline is None or of != hour:
                rows = [slice(hour - (week + 1) * _WEEK, hour - week * _WEEK) for week in range(_RULE.weeks)]
                past = Past(
                    np.array([hourly_n[row] for row in rows]), np.array([hourly[row] for row in rows]), known
                )
                baseline, of = Baseline(_RULE, past), hour
            parts = [1 - over / _SLOTS, over / _SLOTS] if over else [1.0]
            tally = Tally(int(self.n[begin:end].sum()), float(self.totals[begin:end].sum()))
            yield end, Reading(baseline.deviate(tally, parts), tally.n)


def count_alarms(seed: int) -> int:
    """Return how often the rule fires in thirty days of a quiet stream."""
    stream = Stream(seed, _PAST + _WEEK + _DAYS * 24)
    first = (_PAST + _WEEK) * _SLOTS
    return sum(1 for _ in _fire(stream.readings(first, first + _DAYS * 24 * _SLOTS)))


def minutes_to_find(seed: int) -> float:
    """Return the minutes until the rule fires after a fall by one standard deviation."""
    stream = Stream(seed, _PAST + _WEEK + 48)
    draw = np.random.default_rng(seed)
    fall = (_PAST + _WEEK) * _SLOTS + int(draw.integers(0, 24 * _SLOTS))
    stream.lower(fall, _DEVIATION)
    found = next(_fire(stream.readings(fall, fall + 12 * _SLOTS)), None)
    return float("inf") if found is None else (found - fall) * 60 / _SLOTS


def _fire(readings: Iterator[tuple[int, Reading]]) -> Iterator[int]:
    state = AlertState()
    for slot, reading in readings:
        if state.level is None and reading.value is not None and _RULE.has_recovered(reading.value):
            continue  # nothing follows from it, and most readings are like that
        at = _START + slot * _SLOT
        state, _, notices = observe(_RULE, state, Observation(at, {"": reading}), at)
        for notice in notices:
            if notice.kind == "firing":
                yield slot


def main() -> None:
    """Measure and print. The exit status is 1 if a figure is beyond its bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--falls", type=int, default=200)
    asked = parser.parse_args()
    alarms = sum(count_alarms(_SEED + number) for number in range(asked.streams))
    print(f"false alarms of {asked.streams} quiet streams in {_DAYS} days: {alarms} (at most {_MOST_ALARMS})")
    minutes = sorted(minutes_to_find(_SEED - 1 - number) for number in range(asked.falls))
    slowest = minutes[-1]
    print(
        f"minutes until a fall by one standard deviation is found at {_RECORDS} records an hour, "
        f"{asked.falls} falls: median {minutes[len(minutes) // 2]:.0f}, slowest {slowest:.0f} "
        f"(at most {_MOST_MINUTES})"
    )
    kept = [_measure_changes(kind, asked.streams, asked.falls) for kind in KINDS]
    sys.exit(alarms > _MOST_ALARMS or slowest > _MOST_MINUTES or not all(kept))


def _measure_changes(kind: Kind, streams: int, changed: int) -> bool:
    """Measure and print; returns whether both figures are within their bounds."""
    alarms = sum(count_alarms_of_change(kind, _SEED + number) for number in range(streams))
    print(f"{kind.title}: false alarms of {streams} quiet streams in {_DAYS} days: {alarms}")
    minutes = sorted(minutes_to_find_change(kind, _SEED - 1 - number) for number in range(changed))
    print(
        f"{kind.title}: minutes until a change is found ({kind.change}, {changed} changes): "
        f"median {minutes[len(minutes) // 2]:.0f}, slowest {minutes[-1]:.0f}",
        flush=True,
    )
    return alarms <= _MOST_ALARMS and minutes[-1] <= _MOST_MINUTES


if __name__ == "__main__":
    main()
