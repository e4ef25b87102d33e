"""The overview of a period: from reports to the properties of the page's components."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from dash import html

from dashboard.data.overview import Overview
from dashboard.data.view import View, search_of, with_condition
from dashboard.drawing.changes import Worse, change_mark, points
from dashboard.drawing.components import flag_name
from dashboard.drawing.figures import Point, Unit, describe_trend, trend, volume
from dashboard.drawing.formatting import UNKNOWN, count, milliseconds, money, percent, rate, score
from dashboard.drawing.links import LinkedBar, linked_bars
from dashboard.drawing.moved import alert_list, fall_line, moved_list
from dashboard.drawing.safety import counted_share
from dashboard.drawing.theme import Palette
from dashboard.drawing.tiles import figure_tile, sparkline
from dashboard.drawing.traces import trace_rows
from monitoring.statistics.changes import Change

__all__ = ["overview_parts", "shown_view"]

_MOST_BARS = 6
_OTHER: Final = "(other)"
_BEFORE = " against the period before"


def shown_view(overview: Overview, view: View) -> View:
    """Return the view that is shown, whose period is longer where the one asked for is empty."""
    return view._replace(period=overview.widened) if overview.widened else view


def overview_parts(overview: Overview, view: View, colors: Palette) -> dict[str, Any]:
    """Return the properties of the overview's components by name; a pure function."""
    shown = shown_view(overview, view)
    return {
        "tiles": _tiles(overview, colors),
        "moved": _moved(overview, shown),
        "alerts": alert_list(overview.rules, overview.at, shown),
        "pipeline": _pipeline(overview),
        **_trends(overview, colors),
        **_bars(overview, shown),
        "traces": trace_rows(overview.traces, overview.at),
    }


def _moved(overview: Overview, view: View) -> list[Any]:
    fall = fall_line(overview.quality.decline, overview.fallen, overview.at, view)
    groups, known = overview.changed.groups, _is_compared(overview, view)
    if fall is not None and not groups:
        return [fall]
    return [fall, moved_list(groups, view, known=known)]


def _is_compared(overview: Overview, view: View) -> str | None:
    """Return why groups were not compared, None if they were."""
    if view.filter:
        return "Changes are compared without a filter only."
    if overview.changed.violations is None and overview.changed.quality is None:
        return "The period before has too few calls to compare with."
    return None


def _tiles(overview: Overview, colors: Palette) -> list[Any]:
    quality, safety, cost, changed = overview.quality, overview.safety, overview.cost, overview.changed
    return [
        figure_tile(
            "Requests",
            count(cost.total_requests),
            "calls in this period",
            name="requests",
            change=_relative(changed.requests),
            line=sparkline([at.requests for at in cost.trend], colors.volume),
        ),
        figure_tile(
            "Quality",
            score(quality.average_quality),
            f"mean, median {score(quality.p50)}, of {count(quality.total_evaluations)} calls",
            name="quality",
            change=_marked(changed.quality, score, "lower", overview),
            line=sparkline([at.average_quality for at in quality.trend], colors.quality),
        ),
        figure_tile(
            "Flagged",
            percent(safety.violation_rate),
            f"{count(safety.safety_violations)} of {count(overview.checked)} checked calls",
            name="unsafe",
            change=_marked(changed.violations, points, "higher", overview),
            line=sparkline([at.violation_rate for at in safety.trend], colors.safety),
        ),
        figure_tile(
            "Cost",
            money(cost.total_cost_usd),
            f"{money(cost.avg_cost_per_request)} per priced request",
            name="cost",
            change=_relative(changed.cost),
            line=sparkline([float(at.total_cost_usd) for at in cost.trend], colors.cost),
            more=_month(overview),
        ),
    ]


def _marked(change: Change | None, text: Callable[[float], str], worse: Worse, overview: Overview) -> Any:
    if change is None:
        return (
            "not compared with a filter" if overview.relevance is None else "nothing to compare with before"
        )
    return [change_mark(change, text, worse=worse), _BEFORE]


def _relative(ratio: float | None) -> Any:
    if ratio is None:
        return "nothing to compare with before"
    moved = ratio - 1
    if abs(moved) < 0.005:  # noqa: PLR2004 it would read 0 %
        return f"as much per hour as{_BEFORE.removeprefix(' against')}"
    if ratio >= 10:  # noqa: PLR2004 percentages of thousands are hard to read
        return f"{ratio:.0f} times as much per hour{_BEFORE}"
    return f"{'+' if moved > 0 else '−'}{100 * abs(moved):.0f} % per hour{_BEFORE}"  # noqa: RUF001 the sign for less


def _month(overview: Overview) -> str:
    """Return the cost of a month with what it is based on, and how many calls have a price."""
    cost = overview.cost
    priced = f"{count(cost.total_requests - cost.unpriced_requests)} of {count(cost.total_requests)} priced"
    if cost.projected_monthly_cost is None:
        later = cost.total_cost_usd is not None
        return f"{priced}{'; a month is known after an hour of traffic' if later else ''}"
    basis = "at the rate of the last 30 days" if overview.relevance else "at the rate of this period"
    if cost.projection:
        basis = f"by the last {cost.projection.history_days} days"
    return f"{money(cost.projected_monthly_cost)} in the next month, {basis}; {priced}"


def _pipeline(overview: Overview) -> Any:
    ledger, queue = overview.ledger, overview.queue
    lost = ledger.dead + ledger.unaccounted if ledger else 0
    oldest = queue.oldest_age_seconds if queue else None
    workers = queue and f"{count(queue.workers)} {'worker' if queue.workers == 1 else 'workers'}"
    facts = [
        ("Stored per second", rate(overview.rate.stored if overview.rate else None), "rate-value"),
        ("In the queue", count(queue.records if queue else None), "queue-value"),
        (
            "Workers",
            f"{workers}{'' if oldest is None else f', oldest record {milliseconds(1000 * oldest)}'}"
            if queue
            else "the queue does not answer",
            "queue-remark",
        ),
        (
            "Since the beginning",
            f"{count(ledger.stored)} of {count(ledger.accepted - ledger.duplicate)} stored, from all sources"
            if ledger
            else UNKNOWN,
            "rate-remark",
        ),
        *([("Lost or dead", count(lost), "lost-value")] if lost else []),
    ]
    return html.Table(
        html.Tbody(
            [html.Tr([html.Th(name, scope="row"), html.Td(value, id=mark)]) for name, value, mark in facts]
        ),
        className="facts",
    )


def _trends(overview: Overview, colors: Palette) -> dict[str, Any]:
    quality = [
        Point(at.bucket, at.count, at.average_quality, at.p10, at.p50, at.p90)
        for at in overview.quality.trend
    ]
    unsafe = [Point(at.bucket, at.count, at.violation_rate) for at in overview.safety.trend]
    traffic = [Point(at.bucket, at.requests, at.requests) for at in overview.cost.trend]
    return {
        **_trend("quality-trend", "Quality", quality, "score", colors.quality, colors),
        **_trend("unsafe-trend", "Flagged", unsafe, "share", colors.safety, colors),
        "volume": volume(traffic, colors=colors),
        "volume-text": f"Records over time: {count(sum(point.records for point in traffic))} in all.",
    }


def _trend(
    name: str, title: str, over_time: list[Point], unit: Unit, color: str, colors: Palette
) -> dict[str, Any]:
    return {
        name: trend(
            over_time, name="mean" if unit == "score" else "rate", unit=unit, color=color, colors=colors
        ),
        f"{name}-text": describe_trend(over_time, name=title, unit=unit),
    }


def _bars(overview: Overview, view: View) -> dict[str, Any]:
    flags = [
        LinkedBar(
            flag_name(flag),
            share.count,
            counted_share(share),
            _traces(view, "flag", flag),
        )
        for flag, share in list(overview.safety.flags.items())[:_MOST_BARS]
    ]
    topics = [
        LinkedBar(flag_name(topic), records, count(records), _traces(view, "topic", topic))
        for topic, records in (
            list(overview.relevance.topic_distribution.items())[:_MOST_BARS] if overview.relevance else ()
        )
    ]
    untold = "Topics are counted without a filter only." if view.filter else "No call has a topic."
    return {
        "flags": linked_bars(flags, nothing="No call of this period was flagged.", kind="safety"),
        "models": linked_bars(_models(overview, view), nothing="There are no calls.", kind="cost"),
        "topics": linked_bars(topics, nothing=untold, kind="quality"),
    }


def _models(overview: Overview, view: View) -> list[LinkedBar]:
    """Return the costliest models, and what the others cost, as far as prices are known."""
    costs = sorted(overview.cost.by_model, key=lambda model: -(model.total_cost_usd or 0))
    shown = costs[: _MOST_BARS if len(costs) <= _MOST_BARS else _MOST_BARS - 1]
    rows = [
        LinkedBar(
            model.model_name,
            None if model.total_cost_usd is None else float(model.total_cost_usd),
            _priced(model.total_cost_usd, model.requests - model.priced_requests),
            "" if model.model_name == _OTHER else _traces(view, "model", model.model_name),
        )
        for model in shown
    ]
    if others := costs[len(shown) :]:
        priced = [model.total_cost_usd for model in others if model.total_cost_usd is not None]
        rest = sum(priced, Decimal(0)) if priced else None
        unpriced = sum(model.requests - model.priced_requests for model in others)
        value = None if rest is None else float(rest)
        rows.append(LinkedBar(f"{len(others)} others", value, _priced(rest, unpriced)))
    return rows


def _priced(cost: Decimal | None, unpriced: int) -> str:
    if cost is None:
        return "price unknown"
    return money(cost) if not unpriced else f"{money(cost)}, {count(unpriced)} calls unpriced"


def _traces(view: View, field: str, value: str) -> str:
    return f"/traces{with_condition(search_of(view), field, value)}"
