"""How safe the responses of a window were: violations, flags, trends and where they gather."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from app.figures.measures import Counts, Measure
from app.reports.report import Report, empty_message
from app.storage.engine import Connection
from app.storage.rollups.reading import (
    read_breakdown,
    read_flag_examples,
    read_measure_trends,
    read_measures,
    read_records,
    read_totals,
    read_trend,
)
from app.storage.traces.reading import stored_ids
from monitoring.statistics.trends import Window

__all__ = ["FlagShare", "SafetyPattern", "SafetyPoint", "SafetyReport", "read_safety"]

_PREFIX = "flag:"
_PATTERNS = 50


class FlagShare(Report):
    """Records with this flag, and their share of the records that its evaluator looked at, 0..1."""

    count: int
    rate: float | None


class SafetyPoint(Report):
    """One bucket of the trend; the rate is of the records with a safety verdict."""

    bucket: datetime
    count: int
    violations: int
    violation_rate: float | None
    flags: dict[str, int]


class SafetyPattern(Report):
    """Where a flag gathers: its share of all records of one model and prompt template (null: none)."""

    flag: str
    model: str
    template: str | None
    count: int
    rate: float | None
    example_trace_ids: tuple[UUID, ...]


class SafetyReport(Report):
    """What GET /metrics/safety answers; rates are 0..1, and 1 is the safest `average_safety_score`."""

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
) -> SafetyReport:
    """Read the safety report of one window; patterns are kept by the hour.

    `raisers` are the evaluators that raise each flag. A flag that is not among them is taken for the name of its
    evaluator.
    """
    totals = await read_totals(connection, project_id, window, source)
    measures = await read_measures(connection, project_id, window, source)
    flags = _flags(measures, totals, raisers)
    return SafetyReport(
        time_period=window.period,
        total_interactions=totals.records,
        safety_violations=totals.unsafe,
        violation_rate=totals.violation_rate,
        average_safety_score=measures.get("safety_score", Measure()).average,
        common_flags=tuple(flags),
        flags=flags,
        trend=await _trend(connection, project_id, window, source, list(flags)),
        patterns=await _patterns(connection, project_id, window, source),
        message=empty_message(window, totals.records),
    )


def _flags(
    measures: Mapping[str, Measure], totals: Counts, raisers: Mapping[str, Collection[str]]
) -> dict[str, FlagShare]:
    """Return the flags that occurred, the most frequent first."""
    shares = {}
    for name, measure in measures.items():
        if name.startswith(_PREFIX) and measure.count:
            flag = name.removeprefix(_PREFIX)
            evaluators = [measures[one] for one in raisers.get(flag, (flag,)) if one in measures]
            looked_at = max((one.count for one in evaluators), default=totals.assessed)
            shares[flag] = FlagShare(count=measure.count, rate=_rate(measure.count, looked_at))
    return dict(sorted(shares.items(), key=lambda item: (-item[1].count, item[0])))


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


async def _trend(
    connection: Connection, project_id: str, window: Window, source: str, flags: list[str]
) -> tuple[SafetyPoint, ...]:
    counts = await read_trend(connection, project_id, window, source)
    wanted = [f"{_PREFIX}{flag}" for flag in flags]
    found = await read_measure_trends(connection, project_id, window, wanted, source) if wanted else {}
    points = []
    for at in window.bucket_starts():
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
    flagged = await read_breakdown(connection, project_id, window, "flag", source, most=_PATTERNS)
    if not flagged:
        return ()
    keys = [(group.value, group.model, group.template) for group in flagged]
    templates = [(group.template, group.model, "") for group in flagged]
    records = await read_records(connection, project_id, window, "template", templates, source)
    examples = await read_flag_examples(connection, project_id, window, keys, source)
    shown = [examples.get(key, ()) for key in keys]
    # Retention and erasure take traces away that figures still count.
    stored = await stored_ids(connection, project_id, [one for ids in shown for one in ids])
    return tuple(
        SafetyPattern(
            flag=group.value,
            model=group.model,
            template=group.template or None,
            count=group.counts.records,
            rate=_rate(group.counts.records, records.get((group.template, group.model, ""), 0)),
            example_trace_ids=tuple(one for one in ids if one in stored),
        )
        for group, ids in zip(flagged, shown, strict=True)
    )
