"""The page of models: two of them compared in words, and all of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from dash import dcc, html

from app.reports.models import ModelsReport, Subject
from app.reports.side_by_side import Difference, Estimate, Figure, ModelFigures
from dashboard.data.view import View, search_of, with_condition, with_fields
from dashboard.drawing.components import aria, notice
from dashboard.drawing.figures import Bar, describe_bars
from dashboard.drawing.formatting import UNKNOWN, clip, count, milliseconds, money, percent, score
from dashboard.drawing.intervals import Range, ranges
from dashboard.drawing.theme import Palette

__all__ = ["PATH", "ModelsFound", "models_parts"]

PATH = "/models"
_LONGEST_NAME = 60
_CHARTED = 8
_OFFERED: Final[tuple[tuple[Subject, str], ...]] = (("model", "Models"), ("template", "Prompt templates"))
_TITLES: Final[dict[Figure, str]] = {
    "quality": "Quality",
    "violation_rate": "Flagged answers",
    "error_rate": "Errors",
    "cost_per_request": "Cost per call",
    "response_time_ms": "Response time",
}
_BETTER: Final[dict[Figure, str]] = {
    "quality": "better answers",
    "violation_rate": "fewer flagged answers",
    "error_rate": "fewer errors",
    "cost_per_request": "cheaper calls",
    "response_time_ms": "faster answers",
}


class ModelsFound(NamedTuple):
    """What the page shows; `missing` are names of the address that have no calls."""

    report: ModelsReport
    missing: str | None = None


def models_parts(found: ModelsFound, view: View, colors: Palette) -> dict[str, Any]:
    """Return every part of the page."""
    report = found.report
    names = [model.name for model in report.models]
    first, second = (report.compared[0].name, report.compared[0].than) if report.compared else (None, None)
    quality = _ranges(report.models, lambda model: model.average_quality, score)
    cost = _ranges(report.models, lambda model: model.cost_per_request, money)
    return {
        "notices": _notices(found),
        "fields": _fields(report, view),
        "names": names,
        "second-names": names,
        "first": first,
        "second": second,
        "verdict": _verdict(report),
        "figures": _figures(report),
        "quality": ranges(quality, color=colors.quality, colors=colors),
        "quality-text": _told(quality, "Quality"),
        "cost": ranges(cost, color=colors.cost, colors=colors),
        "cost-text": _told(cost, "Cost per call"),
        "table": _table(report, view),
    }


def _notices(found: ModelsFound) -> Any:
    report = found.report
    if found.missing:
        text = "The two with most calls are compared instead."
        return notice(f"No calls of {clip(found.missing, _LONGEST_NAME)} in this period", text, color="gray")
    if report.message:
        return notice(report.message, "Choose a longer period, or another filter.", color="gray")
    if not report.models:
        text = "Send template_id with your calls to compare versions of a prompt."
        return notice("No call of this period names a template", text, color="gray")
    if report.truncated:
        text = f"Figures are of the newest {count(report.truncated.calls_read)} calls."
        return notice("This is a part of the period", text, color="gray")
    return None


def _fields(report: ModelsReport, view: View) -> Any:
    links = [
        html.Span(
            dcc.Link(
                title, href=f"{PATH}{search_of(view, by=None if by == 'model' else by)}", className="offered"
            ),
            **(aria(current="true") if by == report.by else {}),
        )
        for by, title in _OFFERED
    ]
    return html.Nav(links, className="offers", **aria(label="What is compared"))


def _verdict(report: ModelsReport) -> Any:
    """Say in what each side is ahead, and where chance may be the reason."""
    if not report.compared:
        return html.P("There are no two to compare in this period.", className="remark")
    first, second = report.compared[0].name, report.compared[0].than
    ahead: dict[str, list[str]] = {first: [], second: []}
    for one in report.compared:
        if one.real and first != second:
            ahead[_winner(one)].append(_BETTER[one.figure])
    said = [f"{clip(name, _LONGEST_NAME)} has {_listed(better)}" for name, better in ahead.items() if better]
    if not said:
        return html.P(
            f"No difference between {clip(first, _LONGEST_NAME)} and {clip(second, _LONGEST_NAME)} is real: "
            "chance may explain all of them."
        )
    same = [_TITLES[one.figure].lower() for one in report.compared if not one.real]
    rest = f" Chance may explain the rest ({', '.join(same)})." if same else ""
    return html.P(
        f"{'; '.join(said)}. {'These differences are' if _several(ahead) else 'This difference is'} real.{rest}"
    )


def _several(ahead: dict[str, list[str]]) -> bool:
    return sum(map(len, ahead.values())) > 1


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _winner(one: Difference) -> str:
    higher = (one.difference or 0) > 0
    return one.name if higher == (one.figure == "quality") else one.than


def _figures(report: ModelsReport) -> Any:
    if not report.compared:
        return None
    first, second = report.compared[0].name, report.compared[0].than
    sides = {model.name: model for model in report.models}
    head = html.Tr(
        [
            html.Th(text, scope="col")
            for text in ("", clip(first, 30), clip(second, 30), "Difference", "Is it real?")
        ]
    )
    rows = [
        html.Tr(
            [
                html.Th(_TITLES[one.figure], scope="row"),
                *(html.Td(_value(one.figure, sides.get(name))) for name in (first, second)),
                html.Td(_difference(one)),
                html.Td(_reality(one)),
            ]
        )
        for one in report.compared
    ]
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(rows)], className="money"),
        className="scrolls",
        tabIndex=0,
        role="region",
        **aria(label="Two compared"),
    )


def _reality(one: Difference) -> str:
    if one.difference is None:
        return "too few calls"
    return "yes" if one.real else "chance may explain it"


def _value(figure: Figure, model: ModelFigures | None) -> str:
    if model is None:
        return UNKNOWN
    match figure:
        case "quality":
            return score(model.average_quality.value)
        case "violation_rate":
            return f"{percent(model.violation_rate.value)} of {count(model.assessed)}"
        case "error_rate":
            return f"{percent(model.error_rate.value)} of {count(model.requests)}"
        case "cost_per_request":
            return money(model.cost_per_request.value)
        case "response_time_ms":
            return f"p50 {milliseconds(model.response_time_ms.p50)}"


def _difference(one: Difference) -> str:
    if one.difference is None or one.low is None or one.high is None:
        return UNKNOWN
    return f"{_signed(one.figure, one.difference)} ({_signed(one.figure, one.low)} to {_signed(one.figure, one.high)})"


def _signed(figure: Figure, value: float) -> str:
    sign = "-" if value < 0 else "+"
    size = abs(value)
    match figure:
        case "quality":
            return f"{sign}{size:.3f}"
        case "violation_rate" | "error_rate":
            return f"{sign}{100 * size:.1f} points"
        case "cost_per_request":
            return f"{sign}{money(size)}"
        case "response_time_ms":
            return f"{sign}{milliseconds(size)}"


def _ranges(models: Sequence[ModelFigures], of: Any, written: Any) -> list[Range]:
    found = []
    for model in models[:_CHARTED]:
        estimate: Estimate = of(model)
        if estimate.value is None:
            continue
        low = estimate.value if estimate.low is None else estimate.low
        high = estimate.value if estimate.high is None else estimate.high
        found.append(Range(model.name, estimate.value, low, high, written(estimate.value)))
    return found


def _told(rows: Sequence[Range], name: str) -> str:
    return describe_bars([Bar(row.name, row.value, row.text) for row in rows], name=name)


def _table(report: ModelsReport, view: View) -> Any:
    if not report.models:
        return None
    names = (
        report.by.capitalize(),
        "Calls",
        "Quality",
        "Flagged",
        "Errors",
        "p50",
        "p95",
        "p99",
        "Cost per call",
        "Per good answer",
        "Cost",
    )
    heads: list[Any] = [*names, html.Span("Traces", className="unseen")]
    table = html.Table(
        [
            html.Thead(html.Tr([html.Th(name, scope="col") for name in heads])),
            html.Tbody([_row(model, report.by, view) for model in report.models]),
        ],
        className="money wide",
    )
    region = html.Div(table, className="scrolls", tabIndex=0, role="region", **aria(label="All side by side"))
    more = report.total_models - len(report.models)
    basis = "Small figures are 95 % confidence intervals, and shares are of the calls that were judged."
    return [
        region,
        html.P(f"{basis} {count(more)} more are not shown." if more else basis, className="remark"),
    ]


def _row(model: ModelFigures, by: Subject, view: View) -> Any:
    search = with_condition(search_of(view), by, model.name)
    here = with_fields(search, by=None if by == "model" else by)
    shown = clip(model.name, _LONGEST_NAME) or "(empty)"
    times, good = model.response_time_ms, model.cost_per_good_answer
    cells = [
        count(model.requests),
        _estimate(model.average_quality, score, bounds=_fine),
        _estimate(model.violation_rate, percent),
        _estimate(model.error_rate, percent),
        *(milliseconds(value) for value in (times.p50, times.p95, times.p99)),
        _estimate(model.cost_per_request, money),
        _estimate(Estimate(value=good.usd, low=good.low, high=good.high) if good else Estimate(), money),
        money(model.total_cost_usd),
        dcc.Link("Traces", href=f"/traces{search}", title=f"Traces of {shown}"),
    ]
    name = dcc.Link(shown, href=f"{PATH}{here}", title=f"Show only {shown}")
    return html.Tr([html.Th(name, scope="row"), *map(html.Td, cells)])


def _fine(value: float) -> str:
    return f"{value:.3f}"


def _estimate(estimate: Estimate, written: Any, *, bounds: Any = None) -> Any:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return written(estimate.value)
    bound = bounds or written
    told = f"{bound(estimate.low)} to {bound(estimate.high)}"
    return [html.Div(written(estimate.value)), html.Div(told, className="remark")]
