"""The page of costs: what was spent, by whom, and what a month will cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dash import dcc, html

from app.reports.breakdown import GroupFigures
from app.reports.cost import Month
from app.reports.spending import CostPerGoodAnswer, CostSplit
from dashboard.data.costs import FIELDS, METADATA, CostFound
from dashboard.data.view import View, search_of, with_fields
from dashboard.drawing.budgets import budget_rows, tightest
from dashboard.drawing.components import aria, notice
from dashboard.drawing.figures import Point, amounts
from dashboard.drawing.formatting import UNKNOWN, clip, count, money, percent
from dashboard.drawing.savings import savings_list, unpriced_line, unpriced_models
from dashboard.drawing.theme import Palette

__all__ = ["PATH", "cost_parts"]

PATH = "/cost"
_LONGEST_NAME = 60
_SMALLEST_CHANGE = 0.005


def cost_parts(found: CostFound, view: View, colors: Palette) -> dict[str, Any]:
    """Return every part of the page."""
    answer, good = found.answer, found.answer.cost_per_good_answer
    points = [Point(point.bucket, point.requests, float(point.total_cost_usd)) for point in answer.trend]
    return {
        "notices": _notices(found),
        "spent-value": money(answer.total_cost_usd),
        "spent-remark": _spent(found),
        "next-value": money(found.month.next_month_usd),
        "next-remark": _next(found.month, view),
        "good-value": money(good.usd if good else None),
        "good-remark": _good(good),
        **tightest(found.budgets),
        "trend": amounts(points, colors=colors),
        "trend-text": _trend_text(found),
        "split": _split(answer.cost_split),
        "month": _month(found.month),
        "fields": _fields(found, view),
        "groups": _groups(found, view),
        "budgets": budget_rows(found.budgets, found.at, search_of(view, by=found.by)),
        "savings": savings_list(answer, view),
        "unpriced": unpriced_line(answer),
        "names": unpriced_models(answer),
    }


def _notices(found: CostFound) -> Any:
    answer = found.answer
    if answer.message:
        hint = "Choose a longer period, or another filter."
        return notice(answer.message, hint, color="gray")
    if answer.truncated is None:
        return None
    read = f"the newest {count(answer.truncated.calls_read)} calls"
    return notice(
        "This is a part of the period",
        f"The filter lets many calls pass: figures are of {read}.",
        color="gray",
    )


def _spent(found: CostFound) -> list[Any]:
    answer = found.answer
    priced = answer.total_requests - answer.unpriced_requests
    of = f"{count(priced)} of {count(answer.total_requests)} calls have a known price"
    return [html.Div(_change(found)), html.Div(of)]


def _change(found: CostFound) -> str:
    """Say how much more or less was spent than in the period before, as far as both have passed."""
    total, before = found.answer.total_cost_usd, found.before.cost_usd
    length = found.window.end - found.window.start
    begun = found.since is not None and found.since <= found.window.start - length
    if total is None or not before or not begun:
        return "no whole period before to compare with"
    passed = max((min(found.window.now, found.at) - found.window.start) / length, 0.01)
    change = float(total / before) / passed - 1
    if abs(change) < _SMALLEST_CHANGE:
        return f"as much as in the period before ({money(before)})"
    more = "more" if change > 0 else "less"
    return f"{percent(abs(change))} {more} per hour than in the period before ({money(before)})"


def _next(month: Month, view: View) -> list[Any]:
    whose = "all calls, without the filter" if view.filter else "all calls"
    projection = month.projection
    if month.next_month_usd is None:
        return [html.Div("known after an hour of traffic")]
    if projection is None:
        return [
            html.Div(f"{whose}, at the rate of the past 30 days"),
            html.Div("no range before three weeks"),
        ]
    return [
        html.Div(
            f"likely {_range(projection.next_month_low_usd, projection.next_month_high_usd)}"
            if projection.next_month_low_usd is not None
            else "no range, because no weekly pattern is known yet"
        ),
        html.Div(f"730 hours from now, {whose}"),
        html.Div(f"such projections were off by {percent(projection.error.error)}"),
    ]


def _range(low: Decimal | None, high: Decimal | None) -> str:
    return UNKNOWN if low is None or high is None else f"{money(low)} to {money(high)}"


def _good(good: CostPerGoodAnswer | None) -> list[Any]:
    if good is None or not good.judged_answers:
        return [html.Div("no answer was judged")]
    of = f"{count(good.good_answers)} of {count(good.judged_answers)} answers are good"
    if good.low is None or good.high is None:
        return [html.Div(of), html.Div("too few to bound it")]
    return [html.Div(f"95 % interval {money(good.low)} to {money(good.high)}"), html.Div(of)]


def _trend_text(found: CostFound) -> str:
    highest = max(found.answer.trend, key=lambda point: point.total_cost_usd, default=None)
    if highest is None or not highest.total_cost_usd:
        return "Cost over time: nothing was spent."
    return (
        f"Cost over time: {money(found.answer.total_cost_usd)} in all, most "
        f"({money(highest.total_cost_usd)}) from {highest.bucket:%Y-%m-%d %H:%M}."
    )


def _split(split: CostSplit | None) -> Any:
    if split is None or not split.looked_at:
        return None
    parts = _parts(split)
    whole = sum(parts.values(), Decimal(0))
    if not whole:
        return None
    said = ", ".join(f"{name} {percent(float(amount / whole))}" for name, amount in parts.items() if amount)
    of = (
        ""
        if split.looked_at >= split.priced_requests
        else f" (of the newest {count(split.looked_at)} of {count(split.priced_requests)} priced calls)"
    )
    return f"{said[:1].upper()}{said[1:]}{of}"


def _parts(split: CostSplit) -> dict[str, Decimal]:
    return {
        "input": split.input_usd,
        "cached input": split.cached_usd,
        "output": split.output_usd,
        "other": split.other_usd,
    }


def _month(month: Month) -> Any:
    """Return the projection of the calendar month with its range, its error and its basis."""
    projection = month.projection
    if projection is None:
        return html.P(
            "The range of a projection needs three weeks of history. Until then, next month is the mean per "
            "hour of the past 30 days (or since the first call), times 730. The period above does not change "
            "it.",
            className="remark",
        )
    likely = _range(projection.low_usd, projection.high_usd)
    method = {"weekday_and_hour": "weekday and hour", "mean_per_day": "the mean per day"}[projection.method]
    error = projection.error
    facts = [
        ("Spent this month so far", money(projection.spent_usd)),
        ("Expected in the end", money(projection.expected_usd)),
        ("Likely range", likely),
        (
            "Off in the past by",
            f"{percent(error.error)} (the mean per day: {percent(error.mean_per_day_error)})",
        ),
    ]
    basis = (
        f"Projected by {method} from the past {_days(projection.history_days)} of all calls, for the "
        f"calendar month of "
        f"{projection.time_zone}. Four of five past projections ended within such a range; the error is that "
        f"of {count(error.forecasts)} projections over {_days(error.horizon_days)}. Neither the period above "
        f"nor a filter changes them."
    )
    rows = [html.Tr([html.Th(name, scope="row"), html.Td(value)]) for name, value in facts]
    return [html.Table(html.Tbody(rows), className="facts"), html.P(basis, className="remark")]


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _address(found: CostFound, view: View, **changes: str | None) -> str:
    by = found.by if found.by != FIELDS[0] else None
    return with_fields(search_of(view), **{"by": by, **changes})


def _fields(found: CostFound, view: View) -> Any:
    offered = [*FIELDS, *([found.by] if found.by.startswith(METADATA) else [])]
    links = [
        html.Span(
            dcc.Link(
                clip(field, _LONGEST_NAME),
                href=f"{PATH}{_address(found, view, by=field)}",
                className="offered",
            ),
            **(aria(current="true") if field == found.by else {}),
        )
        for field in offered
    ]
    return html.Nav(links, className="offers", **aria(label="Group by"))


def _groups(found: CostFound, view: View) -> Any:
    breakdown = found.answer.breakdown
    if breakdown is None or not breakdown.groups:
        return html.P("Nothing was spent in this period.", className="remark")
    whole = breakdown.total.total_cost_usd or Decimal(0)
    # The month is about all calls, so it is only divided where these are all.
    month = None if view.filter or breakdown.overlap or not whole else found.month.next_month_usd
    rows = [_row(found, view, group, whole, month) for group in breakdown.groups]
    if breakdown.rest is not None:
        others = f"{count(breakdown.rest_groups)} others"
        rows.append(_figures(html.Span(others), breakdown.rest, whole, month, None))
    rows.append(_figures(html.Strong("All"), breakdown.total, whole, month, None))
    heads = ("", "Cost", "Share", "Input", "Cached", "Output", "Calls", "Next month", "")
    names: list[Any] = [clip(found.by, _LONGEST_NAME), *heads[1:-1], html.Span("Traces", className="unseen")]
    table = html.Table(
        [html.Thead(html.Tr([html.Th(name, scope="col") for name in names])), html.Tbody(rows)],
        className="money",
    )
    return [
        html.Div(
            table,
            className="scrolls",
            tabIndex=0,
            role="region",
            **aria(label=f"Costs by {clip(found.by, _LONGEST_NAME)}"),
        ),
        html.P(_groups_basis(found, divided=month is not None), className="remark"),
    ]


def _groups_basis(found: CostFound, *, divided: bool) -> str:
    breakdown = found.answer.breakdown
    said = []
    if divided:
        said.append("Next month is divided as this period is.")
    if breakdown is not None and breakdown.overlap:
        said.append("A call with several tags is in each of their groups, so they do not add up.")
    if breakdown is not None and breakdown.truncated is not None:
        said.append(f"These are the newest {count(breakdown.truncated.calls_read)} calls.")
    said.append("Input, cached and output are of the priced calls among the newest 20,000.")
    return " ".join(said)


def _row(found: CostFound, view: View, group: GroupFigures, whole: Decimal, month: Decimal | None) -> Any:
    value = next(iter(group.values.values()))
    shown = "without" if value is None else clip(value, _LONGEST_NAME) or "(empty)"
    if group.filter is None:
        return _figures(html.Span(shown), group, whole, month, None)
    here = _address(found, view, filter=group.filter)
    traces = with_fields(search_of(view), filter=group.filter)
    name = dcc.Link(shown, href=f"{PATH}{here}", title=f"Show only {shown}")
    return _figures(
        name, group, whole, month, dcc.Link("Traces", href=f"/traces{traces}", title=f"Traces of {shown}")
    )


def _figures(name: Any, group: GroupFigures, whole: Decimal, month: Decimal | None, traces: Any) -> Any:
    cost = group.total_cost_usd
    share = float(cost / whole) if cost is not None and whole else None
    parts = _parts(group.cost_split) if group.cost_split else {}
    ahead = None if month is None or cost is None else month * cost / whole
    cells = [
        money(cost),
        percent(share),
        *(money(parts.get(part)) for part in ("input", "cached input", "output")),
        count(group.requests),
        money(ahead),
    ]
    return html.Tr([html.Th(name, scope="row"), *map(html.Td, cells), html.Td(traces)])
