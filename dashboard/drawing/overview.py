"""What the overview shows of a period, from reports to the properties of its components."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dashboard.data.queries import Overview
from dashboard.drawing.components import flag_name
from dashboard.drawing.figures import Bar, Point, Unit, bars, describe_bars, describe_trend, trend, volume
from dashboard.drawing.formatting import UNKNOWN, count, milliseconds, money, percent, rate, score
from dashboard.drawing.theme import Palette
from dashboard.drawing.traces import trace_rows

__all__ = ["overview_parts"]

_MOST_BARS = 6


def overview_parts(overview: Overview, colors: Palette) -> dict[str, Any]:
    """Return the overview's components by name, ready to be drawn; a pure function of its arguments."""
    return {
        **_traffic_tiles(overview),
        **_score_tiles(overview),
        **_cost_tiles(overview),
        **_trends(overview, colors),
        **_bars(overview, colors),
        "traces": trace_rows(overview.traces, overview.at),
    }


def _traffic_tiles(overview: Overview) -> dict[str, Any]:
    ledger, queue = overview.ledger, overview.queue
    lost = ledger.dead + ledger.unaccounted if ledger else 0
    oldest = queue.oldest_age_seconds if queue else None
    return {
        "rate-value": rate(overview.rate.stored if overview.rate else None),
        "rate-remark": (
            f"{count(ledger.stored)} of {count(ledger.accepted - ledger.duplicate)} stored"
            + (f", {count(lost)} lost or dead" if lost else "")
            if ledger
            else UNKNOWN
        ),
        "queue-value": count(queue.records if queue else None),
        "queue-remark": (
            f"{count(queue.workers)} {'worker' if queue.workers == 1 else 'workers'}"
            + ("" if oldest is None else f", oldest {milliseconds(1000 * oldest)}")
            if queue
            else "the queue does not answer"
        ),
    }


def _score_tiles(overview: Overview) -> dict[str, Any]:
    quality, safety = overview.quality, overview.safety
    return {
        "quality-value": score(quality.average_quality),
        "quality-remark": f"median {score(quality.p50)} of {count(quality.total_evaluations)}",
        "unsafe-value": percent(safety.violation_rate),
        "unsafe-remark": f"{count(safety.safety_violations)} of {count(safety.total_interactions)} records",
    }


def _cost_tiles(overview: Overview) -> dict[str, Any]:
    cost = overview.cost
    return {
        "cost-value": money(cost.total_cost_usd),
        "cost-remark": f"{money(cost.avg_cost_per_request)} per request",
        "month-value": money(cost.projected_monthly_cost),
        "month-remark": "known after an hour of traffic"
        if cost.total_cost_usd is not None and cost.projected_monthly_cost is None
        else f"{count(cost.total_requests - cost.unpriced_requests)} of {count(cost.total_requests)} priced",
    }


def _trends(overview: Overview, colors: Palette) -> dict[str, Any]:
    quality = [
        Point(at.bucket, at.count, at.average_quality, at.p10, at.p50, at.p90)
        for at in overview.quality.trend
    ]
    unsafe = [Point(at.bucket, at.count, at.violation_rate) for at in overview.safety.trend]
    traffic = [Point(at.bucket, at.requests, at.requests) for at in overview.cost.trend]
    return {
        **_trend("quality-trend", "Quality", quality, "score", colors.quality, colors),
        **_trend("unsafe-trend", "Violation rate", unsafe, "share", colors.safety, colors),
        "volume": volume(traffic, colors=colors),
        "volume-text": f"Records over time: {count(sum(point.records for point in traffic))} in all.",
    }


def _trend(
    name: str, title: str, points: list[Point], unit: Unit, color: str, colors: Palette
) -> dict[str, Any]:
    return {
        name: trend(
            points, name="mean" if unit == "score" else "rate", unit=unit, color=color, colors=colors
        ),
        f"{name}-text": describe_trend(points, name=title, unit=unit),
    }


def _bars(overview: Overview, colors: Palette) -> dict[str, Any]:
    flags = [
        Bar(flag_name(flag), share.count, f"{count(share.count)} ({percent(share.rate)})")
        for flag, share in overview.safety.flags.items()
    ]
    costs = sorted(overview.cost.by_model, key=lambda model: -(model.total_cost_usd or 0))
    models = [
        Bar(model.model_name, float(model.total_cost_usd or 0), money(model.total_cost_usd))
        for model in costs[: _MOST_BARS if len(costs) <= _MOST_BARS else _MOST_BARS - 1]
    ]
    if others := costs[len(models) :]:
        rest = sum((model.total_cost_usd or Decimal(0) for model in others), Decimal(0))
        models.append(Bar(f"{len(others)} others", float(rest), money(rest)))
    topics = [
        Bar(flag_name(topic), records, count(records))
        for topic, records in overview.relevance.topic_distribution.items()
    ]
    return {
        **_bar("flags", "Safety flags", flags, colors.safety, colors),
        **_bar("models", "Cost by model", models, colors.cost, colors),
        **_bar("topics", "Topics", topics, colors.quality, colors),
    }


def _bar(name: str, title: str, rows: list[Bar], color: str, colors: Palette) -> dict[str, Any]:
    shown = rows[:_MOST_BARS]
    return {
        name: bars(shown, color=color, colors=colors),
        f"{name}-text": describe_bars(shown, name=title),
    }
