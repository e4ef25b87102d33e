"""How good the responses of a window were: overall, over time, by model and by evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from app.figures.measures import Counts, Histogram, Measure, percentiles_of
from app.reports.calendar import Calendar
from app.reports.report import PERCENTILES, Report, empty_message
from app.storage.engine import Connection
from app.storage.rollups.reading import (
    read_histograms,
    read_measures,
    read_model_measures,
    read_models,
    read_totals,
)
from monitoring.statistics.trends import Window, detect_decline

__all__ = [
    "MOST_MODELS",
    "ModelQuality",
    "QualityPoint",
    "QualityReport",
    "ScoreSummary",
    "find_decline",
    "quality_point",
    "read_quality",
    "score_names",
    "sum_other_models",
]

MOST_MODELS = 20
_QUALITY = "overall_quality"
_NOT_SCORES = {
    "overall_quality",
    "safety_score",
    "response_time_ms",
    "time_to_first_token_ms",
    "cost_usd",
    "error",
    "completion_tokens",
}
_NOT_SCORE_PREFIXES = ("flag:", "label:")


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


class OtherModels(Report):
    """All models beside those of `by_model` together: their number, records and overall quality."""

    models: int
    count: int
    average_quality: float | None


class Falling(Report):
    """A fall of overall quality over the window: its averages before and after.

    `since` is the start of the first lower bucket. It is null where quality fell slowly, and the
    averages are then those of the first and the last third of the window.
    """

    before: float
    after: float
    since: datetime | None = None


class QualityReport(Report):
    """The answer of GET /metrics/quality; qualities are 0..1, and 1 is good.

    `by_model` has the twenty models with most records. `other_models` sums the others, and is null
    where there are none.
    """

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
    other_models: OtherModels | None = None
    message: str | None = None


def score_names(measures: Mapping[str, Measure]) -> list[str]:
    """Return the measures that are scores of evaluators or parts of them, in alphabetical order."""
    return sorted(
        name for name in measures if name not in _NOT_SCORES and not name.startswith(_NOT_SCORE_PREFIXES)
    )


async def read_quality(
    connection: Connection, project_id: str, window: Window, source: str = "live", zone: tzinfo = UTC
) -> QualityReport:
    """Read the quality report of one window, with a trend in the days of a time zone."""
    totals = await read_totals(connection, project_id, window, source)
    measures = await read_measures(connection, project_id, window, source)
    names = score_names(measures)
    histograms = await read_histograms(connection, project_id, window, [*names, _QUALITY], source)
    calendar = Calendar(connection, project_id, window, source, zone)
    trend, spreads = await calendar.trend(), await calendar.histograms(_QUALITY)
    by_model, others = await _by_model(connection, project_id, window, source)
    points = _points(calendar.starts(), trend, spreads)
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
        other_models=others,
        scores=_summaries(names, measures, histograms),
        decline=find_decline(points),
        message=empty_message(window, totals.records),
    )


async def _by_model(
    connection: Connection, project_id: str, window: Window, source: str
) -> tuple[tuple[ModelQuality, ...], OtherModels | None]:
    groups = await read_models(connection, project_id, window, source)
    shown = groups[:MOST_MODELS]
    names = [group.value for group in shown]
    measures = await read_model_measures(connection, project_id, window, names, source)
    models = tuple(
        ModelQuality(
            model_name=group.value,
            count=group.counts.records,
            average_quality=group.counts.average_quality,
            scores={
                name: measures[group.value][name].average
                for name in score_names(measures.get(group.value, {}))
            },
        )
        for group in shown
    )
    return models, sum_other_models([group.counts for group in groups[MOST_MODELS:]])


def sum_other_models(counts: Sequence[Counts]) -> OtherModels | None:
    """Return the figures of all models that are not shown by name, None without one."""
    if not counts:
        return None
    summed = sum(counts, Counts())
    return OtherModels(models=len(counts), count=summed.records, average_quality=summed.average_quality)


def _points(
    starts: Sequence[datetime], trend: Mapping[datetime, Counts], spreads: Mapping[datetime, Histogram]
) -> tuple[QualityPoint, ...]:
    found = percentiles_of([spreads.get(at, Histogram()) for at in starts], PERCENTILES)
    return tuple(
        quality_point(at, trend.get(at, Counts()), spread) for at, spread in zip(starts, found, strict=True)
    )


def _summaries(
    names: Sequence[str], measures: Mapping[str, Measure], histograms: Mapping[str, Histogram]
) -> dict[str, ScoreSummary]:
    found = percentiles_of([histograms.get(name, Histogram()) for name in names], PERCENTILES)
    return {name: _summary(measures[name], spread) for name, spread in zip(names, found, strict=True)}


def quality_point(at: datetime, counts: Counts, spread: Sequence[float | None]) -> QualityPoint:
    """Return a bucket of the trend; `spread` has its values at PERCENTILES."""
    p10, p50, p90 = spread
    return QualityPoint(
        bucket=at,
        count=counts.quality_count,
        average_quality=counts.average_quality,
        p10=p10,
        p50=p50,
        p90=p90,
    )


def _summary(measure: Measure, spread: Sequence[float | None]) -> ScoreSummary:
    p10, p50, p90 = spread
    return ScoreSummary(
        average=measure.average,
        count=measure.count,
        beyond_threshold=measure.hits,
        p10=p10,
        p50=p50,
        p90=p90,
    )


def find_decline(points: tuple[QualityPoint, ...]) -> Falling | None:
    """Return the fall of overall quality over the points, None without one."""
    found = detect_decline([point.average_quality for point in points], [point.count for point in points])
    if found is None:
        return None
    since = None if found.since is None else points[found.since].bucket
    return Falling(before=found.before, after=found.after, since=since)
