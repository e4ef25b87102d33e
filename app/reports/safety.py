"""How safe the responses of a window were: violations, flags, trends, and patterns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from uuid import UUID

from app.figures.measures import Counts, Measure
from app.reports.calendar import Calendar
from app.reports.report import Report, empty_message
from app.schemas.labels import ReviewCounts
from app.storage.engine import Connection
from app.storage.rollups.reading import (
    read_breakdown,
    read_flag_examples,
    read_measures,
    read_records,
    read_totals,
)
from app.storage.traces.labels import count_reviews
from app.storage.traces.reading import flags_by_id
from monitoring.statistics.intervals import share
from monitoring.statistics.trends import Window

__all__ = [
    "PATTERNS",
    "FlagShare",
    "SafetyPattern",
    "SafetyPoint",
    "SafetyReport",
    "flag_shares",
    "read_safety",
]

_PREFIX = "flag:"
PATTERNS = 50


class FlagShare(Report):
    """Records with this flag, and their share of the records that its evaluator judged, 0..1.

    A detector flagged `flagged` records. `dismissed` of these do not count, because people called
    them false alarms and the project dismisses such; `count` is the rest. People looked at
    `reviewed` of them, and `false_alarms` of these were none. `false_alarm_share` is their share
    (null: nobody looked), between the bounds of its 95 % interval. `reported_false_alarms` counts
    records of which feedback says so.
    """

    count: int
    rate: float | None
    flagged: int = 0
    dismissed: int = 0
    reviewed: int = 0
    false_alarms: int = 0
    false_alarm_share: float | None = None
    false_alarm_low: float | None = None
    false_alarm_high: float | None = None
    reported_false_alarms: int = 0


class SafetyPoint(Report):
    """One bucket of the trend; the rate is of the records with a safety verdict."""

    bucket: datetime
    count: int
    violations: int
    violation_rate: float | None
    flags: dict[str, int]


class SafetyPattern(Report):
    """A group with many flags: the share of all records of one model and template (null: none)."""

    flag: str
    model: str
    template: str | None
    count: int
    rate: float | None
    example_trace_ids: tuple[UUID, ...]


class SafetyReport(Report):
    """The answer of GET /metrics/safety. Rates are 0..1; 1 is the safest `average_safety_score`."""

    time_period: str
    total_interactions: int
    safety_violations: int
    violation_rate: float | None
    average_safety_score: float | None
    common_flags: tuple[str, ...]
    flags: dict[str, FlagShare]
    trend: tuple[SafetyPoint, ...]
    patterns: tuple[SafetyPattern, ...]
    message: str | None = None


async def read_safety(
    connection: Connection,
    project_id: str,
    window: Window,
    source: str = "live",
    *,
    raisers: Mapping[str, Collection[str]],
    zone: tzinfo = UTC,
) -> SafetyReport:
    """Read the safety report of one window, with a trend in the days of a time zone.

    Patterns are stored by the hour.

    `raisers` are the evaluators that raise each flag. A flag that is not among them is taken as the
    name of its evaluator.
    """
    totals = await read_totals(connection, project_id, window, source)
    measures = await read_measures(connection, project_id, window, source)
    reviews = await count_reviews(connection, project_id, window, source)
    flags = flag_shares(measures, totals, raisers, reviews)
    return SafetyReport(
        time_period=window.period,
        total_interactions=totals.records,
        safety_violations=totals.unsafe,
        violation_rate=totals.violation_rate,
        average_safety_score=measures.get("safety_score", Measure()).average,
        common_flags=tuple(flags),
        flags=flags,
        trend=await _trend(Calendar(connection, project_id, window, source, zone), list(flags)),
        patterns=await _patterns(connection, project_id, window, source),
        message=empty_message(window, totals.records),
    )


def flag_shares(
    measures: Mapping[str, Measure],
    totals: Counts,
    raisers: Mapping[str, Collection[str]],
    reviews: Mapping[str, ReviewCounts] = MappingProxyType({}),
) -> dict[str, FlagShare]:
    """Return the flags that occurred, the most frequent first. `reviews` are those of each flag."""
    shares = {}
    raised = {name.removeprefix(_PREFIX): measures[name].count for name in measures if _is_flag(name)}
    for flag in raised.keys() | reviews.keys():
        counted, of_flag = raised.get(flag, 0), reviews.get(flag, ReviewCounts())
        if counted or of_flag.dismissed:
            evaluators = [measures[one] for one in raisers.get(flag, (flag,)) if one in measures]
            looked_at = max((one.count for one in evaluators), default=totals.assessed)
            shares[flag] = _share(counted, looked_at, of_flag)
    return dict(sorted(shares.items(), key=lambda item: (-item[1].count, item[0])))


def _is_flag(measure: str) -> bool:
    return measure.startswith(_PREFIX)


def _share(counted: int, looked_at: int, reviews: ReviewCounts) -> FlagShare:
    false = share(min(reviews.false_alarms, reviews.reviewed), reviews.reviewed)
    return FlagShare(
        count=counted,
        rate=_rate(counted, looked_at),
        flagged=counted + reviews.dismissed,
        dismissed=reviews.dismissed,
        reviewed=reviews.reviewed,
        false_alarms=reviews.false_alarms,
        false_alarm_share=None if false is None else false.estimate,
        false_alarm_low=None if false is None else false.low,
        false_alarm_high=None if false is None else false.high,
        reported_false_alarms=reviews.reported,
    )


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


async def _trend(calendar: Calendar, flags: list[str]) -> tuple[SafetyPoint, ...]:
    counts = await calendar.trend()
    found = await calendar.measures([f"{_PREFIX}{flag}" for flag in flags])
    points = []
    for at in calendar.starts():
        of_bucket = counts.get(at, Counts())
        points.append(
            SafetyPoint(
                bucket=at,
                count=of_bucket.records,
                violations=of_bucket.unsafe,
                violation_rate=of_bucket.violation_rate,
                flags={
                    flag: found[f"{_PREFIX}{flag}"][at].count
                    for flag in flags
                    if at in found.get(f"{_PREFIX}{flag}", {})
                },
            )
        )
    return tuple(points)


async def _patterns(
    connection: Connection, project_id: str, window: Window, source: str
) -> tuple[SafetyPattern, ...]:
    flagged = await read_breakdown(connection, project_id, window, "flag", source, most=PATTERNS)
    if not flagged:
        return ()
    keys = [(group.value, group.model, group.template) for group in flagged]
    templates = [(group.template, group.model, "") for group in flagged]
    records = await read_records(connection, project_id, window, "template", templates, source)
    examples = await read_flag_examples(connection, project_id, window, keys, source)
    shown = [examples.get(key, ()) for key in keys]
    # Retention and erasure delete traces that figures still count, and people dismiss flags.
    flags = await flags_by_id(connection, project_id, [one for ids in shown for one in ids])
    return tuple(
        SafetyPattern(
            flag=group.value,
            model=group.model,
            template=group.template or None,
            count=group.counts.records,
            rate=_rate(group.counts.records, records.get((group.template, group.model, ""), 0)),
            example_trace_ids=tuple(one for one in ids if group.value in flags.get(one, ())),
        )
        for group, ids in zip(flagged, shown, strict=True)
    )
