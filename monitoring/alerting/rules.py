"""An alert rule, and what about it cannot be right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import available_timezones

import msgspec

from monitoring.alerting.metrics import PERCENTILES, Aggregation, Metric, find_metric
from monitoring.alerting.schedules import Mute

__all__ = [
    "DIMENSIONS",
    "MOST_GROUPS",
    "Comparison",
    "Direction",
    "Fault",
    "Level",
    "MissingPolicy",
    "Rule",
    "Selection",
    "check_rule",
]

Level = Literal["warning", "critical"]
Direction = Literal["above", "below"]
Comparison = Literal["value", "ratio", "deviation", "change"]
MissingPolicy = Literal["keep", "ok", "alert"]

DIMENSIONS: Final = ("model", "template", "tag")
"""What a rule may select or group by. Users and sessions are left out: they can be erased."""
MOST_GROUPS: Final = 100
_HOURLY = ("template", "tag")
_DAY = timedelta(days=1)
_MINUTE, _HOUR, _WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(weeks=1)
_SHORTEST = timedelta(minutes=5)
_FEWEST_DAYS, _MOST_DAYS = 3, 28
_EVALUATIONS_PER_WINDOW = 12


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The records of some values of a dimension; a record has one of them at most."""

    dimension: str
    values: tuple[str, ...]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One alert rule.

    It fires when the metric, aggregated over `window`, is `above` or `below` a threshold for as
    long as `pending`, and it recovers when the metric has been on the good side of `recovery` for
    as long as `keep_firing`. Without `recovery` that is the mildest threshold.

    `compare` says what is held against the thresholds: the value, its ratio to the same hours of
    `weeks` past weeks (2.0 is twice the usual), or its deviation from them in standard errors. A
    `change` of a distribution is the share of calls that differ from the same hours of past weeks
    beyond chance, or from those of the last `days` if these are given. Fewer than `minimum_n`
    records decide nothing. `no_data` and `on_error` say what follows from no records and from a
    failed query. After `renotify`, an alert that still fires is told again.
    """

    name: str
    metric: str
    aggregation: Aggregation
    direction: Direction
    window: timedelta
    warning: float | None = None
    critical: float | None = None
    recovery: float | None = None
    compare: Comparison = "value"
    weeks: int = 4
    days: int | None = None
    filter: Selection | None = None
    group_by: str | None = None
    pending: timedelta = timedelta()
    keep_firing: timedelta = timedelta()
    minimum_n: int = 1
    no_data: MissingPolicy = "keep"
    on_error: MissingPolicy = "keep"
    renotify: timedelta | None = None
    mutes: tuple[Mute, ...] = ()

    @property
    def interval(self) -> timedelta:
        """The time between two evaluations: a twelfth of the window, from a minute to an hour."""
        return max(_MINUTE, min(_HOUR, self.window / _EVALUATIONS_PER_WINDOW // _MINUTE * _MINUTE))

    @property
    def period(self) -> timedelta:
        """The time from an hour to the same hour before: a week, or a day."""
        return _WEEK if self.days is None else _DAY

    @property
    def past(self) -> timedelta:
        """The time before a window with which it is compared."""
        if self.compare == "value":
            return timedelta()
        return self.period * (self.days or self.weeks)

    @property
    def worst(self) -> Level:
        """The worst level that the rule has."""
        return "warning" if self.critical is None else "critical"

    @property
    def counts(self) -> bool:
        """Tell whether no records are a value too, namely zero."""
        return self.compare == "value" and self.aggregation in {"sum", "last"}

    def threshold(self, level: Level) -> float | None:
        """Return the threshold of a level."""
        return self.critical if level == "critical" else self.warning

    def is_beyond(self, value: float, threshold: float | None) -> bool:
        """Tell whether a value is beyond a threshold; it never is beyond None."""
        if threshold is None:
            return False
        return value > threshold if self.direction == "above" else value < threshold

    def has_recovered(self, value: float) -> bool:
        """Tell whether a value is on the good side of the threshold for recovery."""
        given = (self.recovery, self.warning, self.critical)
        return not self.is_beyond(value, next((one for one in given if one is not None), None))


class Fault(NamedTuple):
    """A field of a rule that cannot be right, and why."""

    field: str
    message: str


def check_rule(rule: Rule) -> list[Fault]:
    """Return every fault of a rule. Whether its data exist is not looked at."""
    metric = find_metric(rule.metric)
    if metric is None:
        return [Fault("metric", f"{rule.metric} is no metric: the reference lists them")]
    return [
        *_metric_faults(rule, metric),
        *_change_faults(rule),
        *_threshold_faults(rule),
        *_time_faults(rule),
    ]


def _metric_faults(rule: Rule, metric: Metric) -> Iterator[Fault]:
    if rule.aggregation not in metric.aggregations:
        known = ", ".join(sorted(metric.aggregations))
        yield Fault("aggregation", f"the metric {rule.metric} can be aggregated by {known}")
    for field, dimension in (
        ("filter", rule.filter and rule.filter.dimension),
        ("group_by", rule.group_by),
    ):
        if dimension and (reason := _why_not_by(rule, metric, dimension)):
            yield Fault(field, reason)
    if rule.filter and rule.group_by:
        yield Fault("group_by", "a rule with a filter cannot be grouped: figures are kept by one thing")
    if metric.gauge and rule.compare != "value":
        yield Fault("compare", f"{rule.metric} has no past: it can only be compared by value")
    if rule.compare == "deviation" and rule.aggregation in PERCENTILES:
        yield Fault("compare", "the deviation of a percentile is not known: use average, rate or sum")
    if rule.compare == "deviation" and rule.group_by:
        yield Fault("compare", "a deviation is measured for one group: use a filter for each")


def _change_faults(rule: Rule) -> Iterator[Fault]:
    if rule.compare != "change":
        if rule.aggregation == "distribution":
            yield Fault("compare", "a distribution is watched for its change: use change")
        if rule.days is not None:
            yield Fault("days", "only a change is compared with the days before")
        return
    if rule.aggregation != "distribution":
        yield Fault("aggregation", "a change is one of a distribution: use distribution")
    if rule.direction != "above":
        yield Fault("direction", "a change is a share of calls, which is large when much changes: use above")
    if rule.days is not None and not _FEWEST_DAYS <= rule.days <= _MOST_DAYS:
        yield Fault("days", f"are {_FEWEST_DAYS} to {_MOST_DAYS}")
    if rule.days is not None and rule.window > _DAY:
        yield Fault("window", "of a change against past days is 1 day at most")
    for field in ("warning", "critical", "recovery"):
        threshold = getattr(rule, field)
        if threshold is not None and not 0 <= threshold < 1:
            yield Fault(field, "is a share of calls, at least 0 and less than 1")


def _why_not_by(rule: Rule, metric: Metric, dimension: str) -> str | None:
    """Return why the metric cannot be read by a dimension, None where it can."""
    if dimension not in DIMENSIONS:
        return f"{dimension} is not one of {', '.join(DIMENSIONS)}"
    if metric.gauge:
        return f"{rule.metric} is known for the whole project only"
    spread = rule.aggregation in PERCENTILES or rule.aggregation == "distribution"
    if spread and not (dimension == "model" and metric.spread_by_model):
        return f"distributions of {rule.metric} are not kept by {dimension}"
    if rule.metric == "errors" and dimension == "tag":
        return "errors are not kept by tag"
    if metric.measure and not metric.plain and (dimension in _HOURLY or "." in metric.measure):
        return f"{rule.metric} is not kept by {dimension}"
    return None


def _threshold_faults(rule: Rule) -> Iterator[Fault]:
    if rule.warning is None and rule.critical is None:
        yield Fault("critical", "a rule needs a threshold: warning, critical or both")
        return
    if (
        rule.warning is not None
        and rule.critical is not None
        and not rule.is_beyond(rule.critical, rule.warning)
    ):
        yield Fault("critical", f"the critical threshold must be {rule.direction} that of the warning")
    mildest = rule.critical if rule.warning is None else rule.warning
    if rule.recovery is not None and rule.is_beyond(rule.recovery, mildest):
        yield Fault("recovery", f"the threshold for recovery must not be {rule.direction} the others")


def _time_faults(rule: Rule) -> Iterator[Fault]:
    if not _SHORTEST <= rule.window <= _WEEK:
        yield Fault("window", "a window is 5 minutes to 1 week long")
    if rule.window % _MINUTE or (rule.window > 3 * _HOUR and rule.window % _HOUR):
        yield Fault("window", "a window is of whole minutes, and of whole hours beyond 3 hours")
    if rule.window % _HOUR and (rule.group_by or (rule.filter and rule.filter.dimension)) in _HOURLY:
        yield Fault("window", "figures by template or tag are kept by the hour: use whole hours")
    for field in ("pending", "keep_firing", "renotify"):
        if (time := getattr(rule, field)) and time > _WEEK:
            yield Fault(field, "is at most 1 week")
    for mute in rule.mutes:
        if not mute.days:
            yield Fault("mutes", "a mute names at least one day")
        if mute.tz not in available_timezones():
            yield Fault("mutes", f"{mute.tz} is no time zone: write one such as Europe/Berlin")
