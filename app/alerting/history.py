"""The last thirty days of a rule, by the hour: when it would have fired, and whether it can."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from app.alerting.tallying import HOUR_SECONDS, UNGROUPED, choose_groups, read_tallies
from app.budgets.standing import read_used_share
from app.storage.engine import Connection
from app.storage.rollups.series import read_first_bucket
from monitoring.alerting.baselines import compare, hour_of
from monitoring.alerting.changes import read_change
from monitoring.alerting.metrics import find_metric
from monitoring.alerting.rules import Rule
from monitoring.alerting.shifts import Shifts, least_shift
from monitoring.alerting.states import Observation, Reading
from monitoring.alerting.tallies import Place, Tally
from monitoring.alerting.trial import Trial, run_trial

__all__ = ["TRIED_DAYS", "History", "RuleTrial", "read_history", "try_rule"]

TRIED_DAYS: Final = 30
_NO_BUDGET: Final = "The project has no budget whose calls are counted; POST /budgets makes one."
_HOUR = timedelta(hours=1)


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Tallies of hours by group. A trial goes from `start` to `end`; the present hour comes after.

    `first` is the moment of the project's first record, None without any. `unbudgeted` says that
    the rule watches budgets and there is none.
    """

    hours: Mapping[str, Mapping[datetime, Tally]]
    first: datetime | None
    start: datetime
    end: datetime
    unbudgeted: bool = False


class RuleTrial(msgspec.Struct, frozen=True, kw_only=True):
    """How often a rule would have fired in the last thirty days, hour by hour, and when.

    `start` is where the figures begin, if that is later. `window_seconds` is the window of the
    trial: that of the rule in whole hours. `cannot_fire` says why the rule would never fire, None
    if it may.
    """

    start: datetime | None
    end: datetime
    window_seconds: int
    trial: Trial | None
    cannot_fire: str | None


async def read_history(connection: Connection, project_id: str, rule: Rule, now: datetime) -> History:
    """Read the hours of a rule that a trial needs."""
    end = hour_of(now)
    first = await read_first_bucket(connection, project_id)
    start = end - timedelta(days=TRIED_DAYS)
    if first is not None:
        start = max(start, hour_of(first))
    earliest = start - rule.past
    span = min(earliest, end) - _hours_of(rule) * _HOUR, now
    values = await choose_groups(connection, project_id, rule, span)
    hours = await read_tallies(connection, project_id, rule, values, span, HOUR_SECONDS)
    unbudgeted = rule.metric == "budget" and await read_used_share(connection, project_id, now) is None
    return History(hours=hours, first=first, start=min(start, end), end=end, unbudgeted=unbudgeted)


def try_rule(rule: Rule, history: History) -> RuleTrial:
    """Return what a trial of the rule on its history shows. It takes up to a second or two."""
    metric = find_metric(rule.metric)
    if metric is not None and metric.gauge:
        return _untried(history, rule, _NO_BUDGET if history.unbudgeted else None)
    trial = None if history.first is None else run_trial(rule, _replay(rule, history))
    tried = _untried(history, rule, _why_never(rule, history, trial))
    return msgspec.structs.replace(tried, trial=trial, start=history.start)


def _untried(history: History, rule: Rule, why: str | None) -> RuleTrial:
    seconds = _hours_of(rule) * HOUR_SECONDS
    return RuleTrial(start=None, end=history.end, window_seconds=seconds, trial=None, cannot_fire=why)


def _hours_of(rule: Rule) -> int:
    return max(1, math.ceil(rule.window / _HOUR))


def _replay(rule: Rule, history: History) -> Iterator[Observation]:
    """Yield the observation at the end of each hour."""
    groups = history.hours or ({} if rule.group_by else {UNGROUPED: {}})
    windows = {name: _Window(rule, hours) for name, hours in groups.items()}
    changing = rule.compare == "change"
    shifts = {name: Shifts(rule, hours) for name, hours in groups.items()} if changing else {}
    end = history.start + _HOUR
    while end <= history.end:
        span = end - _hours_of(rule) * _HOUR, end
        readings: dict[str, Reading] = {}
        for name, window in windows.items():
            tally = window.ending(end)
            if not tally.n and rule.group_by:
                continue
            if changing:
                readings[name] = read_change(rule, shifts[name], tally, span)
            else:
                value = compare(rule, tally, span, groups[name], history.first)
                readings[name] = Reading(value, tally.n)
        yield Observation(end, readings)
        end += _HOUR


class _Window:
    """A sum of hours that slides: each hour is added once and taken out once."""

    def __init__(self, rule: Rule, hours: Mapping[datetime, Tally]) -> None:
        self._hours = hours
        self._length = _hours_of(rule) * _HOUR
        # A total of minutes is a part of the total of their hour.
        self._share = min(1.0, rule.window / _HOUR) if rule.aggregation == "sum" else 1.0
        self._n, self._total, self._bins = 0, 0.0, Counter[Place]()
        self._end: datetime | None = None

    def ending(self, end: datetime) -> Tally:
        """Return the tally of the window that ends at a whole hour, an hour after the last one."""
        if self._end is None:
            at = end - self._length
            while at < end - _HOUR:
                self._move(at, 1)
                at += _HOUR
        else:
            self._move(self._end - self._length, -1)
        self._move(end - _HOUR, 1)
        self._end = end
        total = self._total if self._n else 0.0
        return Tally(round(self._n * self._share), total * self._share, self._bins)

    def _move(self, hour: datetime, sign: int) -> None:
        if (tally := self._hours.get(hour)) is not None:
            self._n += sign * tally.n
            self._total += sign * tally.total
            for place, number in tally.bins.items():
                self._bins[place] += sign * number


def _why_never(rule: Rule, history: History, trial: Trial | None) -> str | None:
    """Return why the rule would never fire, None where that cannot be said."""
    if rule.no_data == "alert" or rule.on_error == "alert":
        return None
    return _why_impossible(rule) or _why_empty(rule, history, trial)


def _why_empty(rule: Rule, history: History, trial: Trial | None) -> str | None:
    if rule.counts and rule.direction == "below":
        return None  # nothing at all is what such a rule waits for
    most = max((tally.n for hours in history.hours.values() for tally in hours.values()), default=0)
    if most == 0:
        one = f" with {rule.filter.dimension} {' or '.join(rule.filter.values)}" if rule.filter else ""
        return f"No record of the last {TRIED_DAYS} days{one} has the metric {rule.metric}."
    if trial is not None and not trial.fired and rule.minimum_n > most * _hours_of(rule):
        return f"No window of the last {TRIED_DAYS} days has {rule.minimum_n} records of {rule.metric}."
    return _why_too_few(rule, most * _hours_of(rule)) if rule.compare == "change" else None


def _why_too_few(rule: Rule, most: int) -> str | None:
    """Return why no change of `most` records is beyond chance, None where one may be."""
    beyond = 1 - least_shift(most)
    mildest = rule.critical if rule.warning is None else rule.warning
    if mildest is None or mildest < beyond:
        return None
    return (
        f"Windows of the last {TRIED_DAYS} days have at most {most} records of {rule.metric}: even if all "
        f"of them changed, no more than {beyond:.2f} would be beyond chance."
    )


def _why_impossible(rule: Rule) -> str | None:
    """Return why no value of the metric is beyond the mildest threshold, None where one may be."""
    metric = find_metric(rule.metric)
    mildest = rule.critical if rule.warning is None else rule.warning
    if metric is None or mildest is None or rule.compare == "deviation":
        return None
    if rule.direction == "below":
        return f"{rule.metric} is never below {mildest:g}." if mildest <= 0 else None
    bounded = rule.compare == "value" and rule.aggregation != "sum" and metric.most is not None
    return f"{rule.metric} is never above {mildest:g}." if bounded and mildest >= (metric.most or 0) else None
