"""How relevant the responses of a window were, and which topics they were about."""

from __future__ import annotations

from collections.abc import Mapping

from app.figures.measures import Measure
from app.reports.report import Report, empty_message
from app.storage.engine import Connection
from app.storage.rollups.reading import read_breakdown, read_breakdown_measures, read_measures
from monitoring.statistics.trends import Window

__all__ = [
    "ProblematicTopic",
    "QualityInsights",
    "RelevanceMetrics",
    "RelevanceReport",
    "read_relevance",
]

_RELEVANCE = "relevance"
_TOPIC = "topic_category"
_LISTED_TOPICS = 5
_ALL_LABELS = 10_000


class RelevanceMetrics(Report):
    """Averages, 0..1 and 1 is good; null where nothing was scored."""

    average_overall_relevance: float | None
    average_topical_relevance: float | None
    average_contextual_relevance: float | None
    average_intent_relevance: float | None


class ProblematicTopic(Report):
    """A topic with responses below the relevance threshold; the rate is of its scored responses."""

    topic: str
    low_relevance_count: int
    low_relevance_rate: float
    average_relevance: float


class QualityInsights(Report):
    """Responses below the relevance threshold, and where most of them are."""

    low_relevance_count: int
    low_relevance_rate: float | None
    most_problematic_topics: tuple[ProblematicTopic, ...]


class RelevanceReport(Report):
    """What GET /metrics/relevance answers; `total_evaluations` counts responses with a relevance."""

    time_period: str
    total_evaluations: int
    relevance_metrics: RelevanceMetrics
    topic_distribution: dict[str, int]
    quality_insights: QualityInsights
    message: str | None = None


async def read_relevance(
    connection: Connection, project_id: str, window: Window, source: str = "live"
) -> RelevanceReport:
    """Read the relevance report of one window; topics are kept by the hour."""
    measures = await read_measures(connection, project_id, window, source)
    topics = await read_breakdown(connection, project_id, window, _TOPIC, source, most=_ALL_LABELS)
    by_topic = await read_breakdown_measures(connection, project_id, window, _TOPIC, source)
    overall = measures.get(_RELEVANCE, Measure())
    return RelevanceReport(
        time_period=window.period,
        total_evaluations=overall.count,
        relevance_metrics=RelevanceMetrics(
            average_overall_relevance=overall.average,
            average_topical_relevance=_part(measures, "topical"),
            average_contextual_relevance=_part(measures, "contextual"),
            average_intent_relevance=_part(measures, "intent"),
        ),
        topic_distribution={group.value: group.counts.records for group in topics},
        quality_insights=QualityInsights(
            low_relevance_count=overall.hits,
            low_relevance_rate=overall.hits / overall.count if overall.count else None,
            most_problematic_topics=_problematic(by_topic),
        ),
        message=empty_message(window, overall.count, "evaluations"),
    )


def _part(measures: Mapping[str, Measure], name: str) -> float | None:
    return measures.get(f"{_RELEVANCE}.{name}", Measure()).average


def _problematic(by_topic: Mapping[str, Mapping[str, Measure]]) -> tuple[ProblematicTopic, ...]:
    found = [
        ProblematicTopic(
            topic=topic,
            low_relevance_count=measure.hits,
            low_relevance_rate=measure.hits / measure.count,
            average_relevance=measure.total / measure.count,
        )
        for topic, measures in by_topic.items()
        if (measure := measures.get(_RELEVANCE)) and measure.hits and measure.count
    ]
    found.sort(key=lambda topic: (-topic.low_relevance_count, topic.average_relevance, topic.topic))
    return tuple(found[:_LISTED_TOPICS])
