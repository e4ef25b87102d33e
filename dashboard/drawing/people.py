"""Tables of users and sessions, and a conversation with what each turn cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from dash import dcc, html

from app.reports.breakdown import GroupFigures
from app.reports.people import ListOrder, PeopleReport
from app.schemas.owners import Activity, Turn
from app.storage.traces.owners import MOST_LISTED
from dashboard.data.view import with_fields
from dashboard.drawing.components import aria, flag_name
from dashboard.drawing.conversation import text_box
from dashboard.drawing.formatting import UNKNOWN, clip, count, instant, milliseconds, money, percent, score
from dashboard.drawing.trace_facts import linked, linker

__all__ = ["order_links", "people_table", "top_words", "turns"]

_ORDER_NAMES: Final[Mapping[ListOrder, str]] = {
    "latest": "Latest",
    "cost": "Most expensive",
    "requests": "Most calls",
    "violations": "Most violations",
}
_LONGEST_ID: Final = 60


def top_words(report: PeopleReport, order: ListOrder, names: str, top: int) -> str:
    """Return which users or sessions a table shows, and what its figures are of."""
    if order == "latest":
        number = len(report.activities)
        which = (
            f"The {top} {names} with the latest call"
            if number >= top
            else f"All {number} {names} with a call"
        )
        return (
            f"{which} that fits. Figures are of the newest {MOST_LISTED} calls of each in the chosen period."
        )
    number = report.number or len(report.activities)
    which = f"The first {top} of {number:,} {names}" if number > top else f"All {number:,} {names}"
    read = f" Only the newest {report.truncated.calls_read:,} calls were read." if report.truncated else ""
    beside = f" Worst, errors and flags are of the newest {MOST_LISTED} calls of each."
    return f"{which}, with figures of the calls that fit.{read}{beside}"


def order_links(order: ListOrder, path: str, search: str | None) -> Any:
    """Return links that put a table in another order."""
    shown = [
        html.Strong(name, **aria(current="true"))
        if one == order
        else dcc.Link(name, href=f"{path}{with_fields(search, order=one)}")
        for one, name in _ORDER_NAMES.items()
    ]
    return html.Nav(shown, className="orders", **aria(label="Order of the table"))


def people_table(
    report: PeopleReport, title: str, field: str, path: str, search: str | None, zone: tzinfo
) -> Any:
    """Return a table of users or sessions, each with a link to its own page."""
    sessions = field == "session"
    titles = [
        *(["User"] if sessions else []),
        "Last call",
        "Calls",
        "Cost",
        "Tokens",
        "Quality",
        "Worst",
    ]
    named = [
        html.Th(name, scope="col", className=_column(name)) for name in (*titles, "Violations", "Errors")
    ]
    heads = [html.Th(title, scope="col"), *named]
    rows = [_row(one, report.figures.get(one.owner), field, path, search, zone) for one in report.activities]
    table = html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="people")
    return html.Div(table, className="card scrolled", tabIndex="0", role="region", **aria(label=f"{title}s"))


def _column(name: str) -> str:
    if name == "Quality":
        return "least"
    return "less" if name in {"User", "Last call", "Tokens", "Worst", "Errors"} else ""


def _row(
    one: Activity, figures: GroupFigures | None, field: str, path: str, search: str | None, zone: tzinfo
) -> Any:
    name = dcc.Link(clip(one.owner, _LONGEST_ID), href=f"{path}{with_fields(search, **{field: one.owner})}")
    more = "+" if figures is None and one.calls >= MOST_LISTED else ""
    calls = figures.requests if figures else one.calls
    cost = figures.total_cost_usd if figures else one.cost_usd
    tokens = (
        figures.prompt_tokens + figures.completion_tokens
        if figures
        else one.prompt_tokens + one.completion_tokens
    )
    average = figures.average_quality if figures else one.average_quality
    cells: list[tuple[str, Any]] = [
        *([("less", clip(one.user_id, 30) if one.user_id else UNKNOWN)] if field == "session" else []),
        (
            "less",
            html.Time(
                f"{one.last.astimezone(zone):%m-%d %H:%M}",
                dateTime=instant(one.last),
                title=instant(one.last),
            ),
        ),
        ("", f"{calls:,}{more}"),
        ("", money(cost)),
        ("less", count(tokens)),
        ("least", score(average)),
        ("less", score(one.worst_quality)),
        ("wraps", _violations(one, figures)),
        ("less", f"{one.errors:,}" if one.errors else "none"),
    ]
    return html.Tr([html.Th(name, scope="row"), *(html.Td(value, className=where) for where, value in cells)])


def _violations(one: Activity, figures: GroupFigures | None) -> Any:
    flags = [html.Span(flag_name(flag), className="flag") for flag in one.flags[:2]]
    more = [html.Span(f"+{len(one.flags) - 2}", className="remark")] if len(one.flags) > 2 else []  # noqa: PLR2004 two are shown
    told = ""
    if figures and figures.violations:
        told = f"{figures.violations:,} of {figures.assessed:,} ({percent(figures.violation_rate)})"
    if not flags and not told:
        return html.Span("none", className="remark")
    named = html.Span([*flags, *more], className="flags less" if told else "flags")
    return html.Div([html.Div(told) if told else None, named])


def turns(found: Sequence[Turn], first: int, path: str, search: str | None, zone: tzinfo) -> list[Any]:
    """Return the turns of a conversation in order; `first` is the number of the first one."""
    return [_turn(number, turn, path, search, zone) for number, turn in enumerate(found, first)]


def _turn(number: int, turn: Turn, path: str, search: str | None, zone: tzinfo) -> Any:
    link = linker(search)
    unanswered = turn.error is not None and not turn.response
    told = [
        ("cost", money(turn.cost_usd)),
        ("context", f"{count(turn.prompt_tokens)} tokens"),
        ("answer", f"{count(turn.completion_tokens)} tokens"),
        ("duration", milliseconds(turn.response_time_ms)),
        ("quality", score(None if unanswered else turn.quality_score)),
        ("safety", score(None if unanswered else turn.safety_score)),
    ]
    marks = [linked(flag_name(flag), link("flag", flag), className="flag") for flag in turn.safety_flags]
    marks += [html.Span("Error", className="flag error")] if turn.error is not None else []
    heading = dcc.Link(
        f"{number}. {turn.timestamp.astimezone(zone):%m-%d %H:%M:%S}",
        href=f"{path}{with_fields(search, trace=str(turn.trace_id))}",
    )
    return html.Article(
        [
            html.Div(
                [html.H3(heading), html.Span(clip(turn.model_name, _LONGEST_ID), className="remark"), *marks],
                className="turn-head",
            ),
            html.Dl(
                [html.Div([html.Dt(name), html.Dd(value)]) for name, value in told], className="turn-figures"
            ),
            html.Div(_said(turn), className="turn-texts"),
        ],
        className="card turn",
    )


def _said(turn: Turn) -> list[Any]:
    said = [text_box("Prompt", turn.prompt)] if turn.prompt else []
    if turn.response:
        said.append(text_box("Response", turn.response))
    if turn.error:
        said.append(text_box("Error", turn.error))
    return said
