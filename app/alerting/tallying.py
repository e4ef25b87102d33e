"""Reading the figures of a rule as tallies, by group and by bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from app.figures.measures import Counts, Measure
from app.storage.engine import Connection
from app.storage.rollups.series import Bucket, Series, read_bins, read_busiest, read_labels, read_sums
from app.storage.traces.errors import count_errors
from monitoring.alerting.metrics import PERCENTILES, find_metric
from monitoring.alerting.rules import MOST_GROUPS, Rule
from monitoring.alerting.tallies import Place, Tally, add_up
from monitoring.behaviour import COUNTED_BY_MODEL, REFUSAL

__all__ = [
    "HOUR_SECONDS",
    "MINUTE_SECONDS",
    "UNGROUPED",
    "choose_groups",
    "floor_to",
    "make_tally",
    "read_tallies",
]

MINUTE_SECONDS, HOUR_SECONDS = 60, 3600
UNGROUPED = ""
# Of each group of a change, the hours of weeks are read.
_MOST_CHANGING = 20
_ANSWER = "answer"
_PLAIN: Mapping[str, tuple[str, str]] = {
    "requests": ("records", "records"),
    "violations": ("assessed", "unsafe"),
    "quality": ("quality_count", "quality_sum"),
    "cost": ("priced", "cost_usd"),
    "prompt_tokens": ("records", "prompt_tokens"),
    "completion_tokens": ("records", "completion_tokens"),
}


def make_tally(rule: Rule, bucket: Bucket, errors: int, bins: Mapping[Place, int]) -> Tally:
    """Return the tally of a bucket: the records that the metric is known of, and its sum."""
    counts, measure = bucket.counts, bucket.measure
    if _is_spread(rule):
        return Tally(sum(bins.values()), 0.0, bins)
    if rule.metric in _PLAIN:
        n, total = _PLAIN[rule.metric]
        return Tally(getattr(counts, n), float(getattr(counts, total)))
    if rule.metric == "errors":
        return Tally(counts.records, float(errors))
    if rule.metric.startswith("flag:"):
        return Tally(counts.assessed, float(measure.count))
    return Tally(measure.count, float(measure.hits) if rule.aggregation == "rate" else measure.total)


async def choose_groups(
    connection: Connection,
    project_id: str,
    rule: Rule,
    span: tuple[datetime, datetime],
    firing: Sequence[str] = (),
) -> tuple[str, ...] | None:
    """Return the values that are read: the filter's, or the busiest and those that fire; or None.

    None means that the rule is about all records.
    """
    if rule.filter is not None:
        return rule.filter.values
    if rule.group_by is None:
        return None
    start, end = span
    series = Series(dimension=rule.group_by, start=start, end=end, grain=HOUR_SECONDS)
    busiest = await read_busiest(connection, project_id, series, most=MOST_GROUPS)
    most = _MOST_CHANGING if rule.compare == "change" else MOST_GROUPS
    return tuple(dict.fromkeys([*firing, *busiest]))[:most]


async def read_tallies(
    connection: Connection,
    project_id: str,
    rule: Rule,
    values: tuple[str, ...] | None,
    span: tuple[datetime, datetime],
    grain: int,
) -> dict[str, dict[datetime, Tally]]:
    """Return the tallies by group and by the start of the bucket, which is `grain` seconds long.

    A rule without groups has the group UNGROUPED.
    """
    dimension = rule.group_by or (rule.filter.dimension if rule.filter else "all")
    metric = find_metric(rule.metric)
    series = Series(
        dimension=dimension,
        start=span[0],
        end=span[1],
        grain=grain,
        values=values,
        measure=metric.measure if metric else None,
    )
    spread = _is_spread(rule)
    sums = {} if spread else await read_sums(connection, project_id, series)
    bins = await _read_distributions(connection, project_id, rule, series) if spread else {}
    errors: Mapping[tuple[str, datetime], int] = {}
    if rule.metric == "errors":
        errors = await count_errors(connection, project_id, dimension, values, span, grain)
    found: dict[str, dict[datetime, Tally]] = {}
    empty = Bucket(Counts(), Measure())
    for value, at in {*sums, *bins, *errors}:
        key = value, at
        tally = make_tally(rule, sums.get(key, empty), errors.get(key, 0), bins.get(key, {}))
        hours = found.setdefault(value if rule.group_by else UNGROUPED, {})
        hours[at] = add_up([hours[at], tally]) if at in hours else tally
    return found


def _is_spread(rule: Rule) -> bool:
    return rule.aggregation in PERCENTILES or rule.aggregation == "distribution"


async def _read_distributions(
    connection: Connection, project_id: str, rule: Rule, series: Series
) -> dict[tuple[str, datetime], dict[Place, int]]:
    """Return how many records are in each log bucket or have each label, by value and by bucket."""
    kind, _, name = rule.metric.partition(":")
    if kind != "label":
        return await read_bins(connection, project_id, series)
    if name in COUNTED_BY_MODEL:
        return await read_labels(connection, project_id, series, name)
    # The value of refusal is 1 for a refusal and 0 for an answer.
    sums = await read_sums(connection, project_id, series)
    return {
        key: {REFUSAL: round(one.measure.total), _ANSWER: one.measure.count - round(one.measure.total)}
        for key, one in sums.items()
        if one.measure.count
    }


def floor_to(moment: datetime, seconds: int) -> datetime:
    """Return the start of the bucket of `seconds` that holds an aware moment."""
    return moment - timedelta(seconds=moment.timestamp() % seconds)
