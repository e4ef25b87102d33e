"""How good the responses of a window were: overall, over time, by model and by evaluator."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from app.figures.measures import Counts, Histogram, Measure
from app.reports.report import PERCENTILES, Report, empty_message
from app.storage.engine import Connection
from app.storage.rollups.reading import (
    read_histograms,
    read_measures,
    read_model_measures,
    read_models,
    read_totals,
    read_trend,
    read_trend_histograms,
)
from monitoring.statistics.trends import Window, detect_decline

__all__ = ["ModelQuality", "QualityPoint", "QualityReport", "ScoreSummary", "read_quality", "score_names"]

_QUALITY = "overall_quality"
_NOT_SCORES = {
    "overall_quality",
    "safety_score",
    "response_time_ms",
    "time_to_first_token_ms",
    "cost_usd",
}
_FLAG_PREFIX = "flag:"


class ScoreSummary(Report):
    """One evaluator, or one part of it (`relevance.topical`), over the window.

    `beyond_threshold` counts values that its evaluator calls low (quality) or present (safety).
    """

    average: float | None
    count: int
    beyond_threshold: int
    p10: float | None
    p50: float | None
    p90: float | None


class QualityPoint(Report):
    """One bucket of the trend; `count` records have an overall quality."""

    bucket: datetime
    count: int
    average_quality: float | None
    p10: float | None
    p50: float | None
    p90: float | None


class ModelQuality(Report):
    """One model: its records, its overall quality, and the average of each of its scores."""

    model_name: str
    count: int
    average_quality: float | None
    scores: dict[str, float | None]


class Falling(Report):
    """Overall quality falls over the window: averages of its first and last third."""

    before: float
    after: float


class QualityReport(Report):
    """What GET /metrics/quality answers; qualities are 0..1 and 1 is good."""

    time_period: str
    average_quality: float | None
    total_evaluations: int
    p10: float | None
    p50: float | None
    p90: float | None
    trend: tuple[QualityPoint, ...]
    by_model: tuple[ModelQuality, ...]
    scores: dict[str, ScoreSummary]
    decline: Falling | None
    message: str | None = None


def score_names(measures: Mapping[str, Measure]) -> list[str]:
    """Return which measures are scores of evaluators or parts of them, in alphabetical order."""
    return sorted(name for name in measures if name not in _NOT_SCORES and not name.startswith(_FLAG_PREFIX))


async def read_quality(
    connection: Connection, project_id: str, window: Window, source: str = "live"
) -> QualityReport:
    """Read the quality report of one window."""
    totals = await read_totals(connection, project_id, window, source)
    measures = await read_measures(connection, project_id, window, source)
    names = score_names(measures)
    histograms = await read_histograms(connection, project_id, window, [*names, _QUALITY], source)
    trend = await read_trend(connection, project_id, window, source)
    spreads = await read_trend_histograms(connection, project_id, window, _QUALITY, source)
    # Percentiles are work of this process, and what is asked for meanwhile is work of Postgres.
    (points, scores), by_model = await asyncio.gather(
        asyncio.to_thread(lambda: (_points(window, trend, spreads), _summaries(names, measures, histograms))),
        _by_model(connection, project_id, window, source),
    )
    p10, p50, p90 = histograms.get(_QUALITY, Histogram()).percentiles(PERCENTILES)
    return QualityReport(
        time_period=window.period,
        average_quality=totals.average_quality,
        total_evaluations=totals.records,
        p10=p10,
        p50=p50,
        p90=p90,
        trend=points,
        by_model=by_model,
        scores=scores,
        decline=_decline(points),
        message=empty_message(window, totals.records),
    )


async def _by_model(
    connection: Connection, project_id: str, window: Window, source: str
) -> tuple[ModelQuality, ...]:
    groups = await read_models(connection, project_id, window, source)
    measures = await read_model_measures(connection, project_id, window, source)
    return tuple(
        ModelQuality(
            model_name=group.value,
            count=group.counts.records,
            average_quality=group.counts.average_quality,
            scores={
                name: measures[group.value][name].average
                for name in score_names(measures.get(group.value, {}))
            },
        )
        for group in groups
    )


def _points(
    window: Window, trend: Mapping[datetime, Counts], spreads: Mapping[datetime, Histogram]
) -> tuple[QualityPoint, ...]:
    return tuple(
        _point(at, trend.get(at, Counts()), spreads.get(at, Histogram())) for at in window.bucket_starts()
    )


def _summaries(
    names: Sequence[str], measures: Mapping[str, Measure], histograms: Mapping[str, Histogram]
) -> dict[str, ScoreSummary]:
    return {name: _summary(measures[name], histograms.get(name, Histogram())) for name in names}


def _point(at: datetime, counts: Counts, spread: Histogram) -> QualityPoint:
    p10, p50, p90 = spread.percentiles(PERCENTILES)
    return QualityPoint(
        bucket=at,
        count=counts.quality_count,
        average_quality=counts.average_quality,
        p10=p10,
        p50=p50,
        p90=p90,
    )


def _summary(measure: Measure, histogram: Histogram) -> ScoreSummary:
    p10, p50, p90 = histogram.percentiles(PERCENTILES)
    return ScoreSummary(
        average=measure.average,
        count=measure.count,
        beyond_threshold=measure.hits,
        p10=p10,
        p50=p50,
        p90=p90,
    )


def _decline(points: tuple[QualityPoint, ...]) -> Falling | None:
    found = detect_decline([point.average_quality for point in points], [point.count for point in points])
    return Falling(before=found.before, after=found.after) if found else None
