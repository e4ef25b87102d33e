"""The page Safety: from reports and findings to the properties of the page's components."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from dash import dcc, html

from app.reports.answers import SafetyAnswer
from app.reports.findings import Findings, flagged
from app.reports.safety import FlagShare, SafetyPattern
from dashboard.data.view import View, search_of, with_condition
from dashboard.drawing.changes import change_mark, points
from dashboard.drawing.components import aria, flag_name
from dashboard.drawing.figures import Point, describe_trend, trend
from dashboard.drawing.findings import FIELD_NAMES, finding_list
from dashboard.drawing.formatting import UNKNOWN, clip, count, percent
from dashboard.drawing.links import LinkedBar, linked_bars
from dashboard.drawing.theme import Palette
from dashboard.drawing.tiles import figure_tile, sparkline
from monitoring.models import SafetyFlag
from monitoring.statistics.changes import Change

__all__ = ["SafetyFound", "counted_share", "false_alarm_text", "safety_parts"]

_MOST_BARS = 8
_MOST_PATTERNS = 12
_OTHER = "(other)"


class SafetyFound(NamedTuple):
    """What the page shows. `flag` is the chosen one, and `checked` are calls with a verdict.

    `evaluators` are those whose findings are shown.
    """

    report: SafetyAnswer
    findings: Findings
    flag: str | None
    checked: int
    change: Change | None
    evaluators: Collection[str]
    now: datetime


def safety_parts(read: SafetyFound, view: View, colors: Palette) -> dict[str, Any]:
    """Return the properties of the page's components by name; a pure function."""
    over_time = _over_time(read)
    name = flag_name(read.flag) if read.flag else "Flagged calls"
    return {
        "tiles": _tiles(read, colors),
        "trend": trend(over_time, name="rate", unit="share", color=colors.safety, colors=colors),
        "trend-text": describe_trend(over_time, name=name, unit="share"),
        "trend-about": f"{name}: share of all calls"
        if read.flag
        else "flagged calls, share of checked calls",
        "flags": _flags(read, view),
        "models": _models(read, view),
        "reviews": _reviews(read, view),
        "personal": _counted(read.findings.personal_data, view, SafetyFlag.PII_LEAK, {}),
        "injections": _counted(read.findings.injections, view, SafetyFlag.PROMPT_INJECTION, FIELD_NAMES),
        "patterns": _patterns(read, view),
        "heading": f"Latest calls flagged {name}" if read.flag else "Latest flagged calls",
        "more": _more(read, view),
        "findings": _findings(read, view),
    }


def _over_time(read: SafetyFound) -> list[Point]:
    if read.flag is None:
        return [Point(at.bucket, at.count, at.violation_rate) for at in read.report.trend]
    return [
        Point(at.bucket, at.count, at.flags.get(read.flag, 0) / at.count if at.count else None)
        for at in read.report.trend
    ]


def _tiles(read: SafetyFound, colors: Palette) -> list[Any]:
    report = read.report
    of = f"{count(report.safety_violations)} of {count(read.checked)} checked calls"
    line = sparkline([at.violation_rate for at in report.trend], colors.safety)
    change = [change_mark(read.change, points, worse="higher"), " against the period before"]
    flags = list(report.flags.items())[:2]
    return [
        figure_tile("Flagged", percent(report.violation_rate), of, change=change, line=line),
        *(figure_tile(flag_name(flag), percent(share.rate), counted_share(share)) for flag, share in flags),
    ]


def counted_share(share: FlagShare) -> str:
    """Return how many calls have a flag, and of how many that were checked for it."""
    if not share.rate:
        return f"{count(share.count)} calls"
    return f"{count(share.count)} of {count(round(share.count / share.rate))} checked for it"


def _flags(read: SafetyFound, view: View) -> list[Any]:
    shares = list(read.report.flags.items())
    rows = [
        LinkedBar(
            flag_name(flag),
            share.count,
            f"{percent(share.rate)} · {counted_share(share)}",
            f"/safety{search_of(view, flag=flag)}",
        )
        for flag, share in shares[:_MOST_BARS]
    ]
    every = dcc.Link("Show all types", href=f"/safety{search_of(view)}") if read.flag else None
    return [linked_bars(rows, nothing="No call of this period was flagged.", kind="safety"), every]


def _reviews(read: SafetyFound, view: View) -> Any:
    rows = [
        LinkedBar(
            flag_name(flag),
            share.false_alarm_share,
            false_alarm_text(share),
            f"/review{with_condition(search_of(view), 'flag', flag)}",
            f"Review the calls with the flag {flag_name(flag)}",
        )
        for flag, share in read.report.flags.items()
        if read.flag in {None, flag}
    ][:_MOST_BARS]
    return linked_bars(rows, nothing="No call of this period was flagged.", kind="safety worded")


def false_alarm_text(share: FlagShare) -> str:
    """Return how many of the flagged calls people looked at, and how many were false alarms."""
    if not share.reviewed:
        return f"of {count(share.flagged)} flagged, none reviewed"
    told = (
        f"of {count(share.flagged)} flagged, {count(share.reviewed)} reviewed, {count(share.false_alarms)} "
    )
    told += "false alarm" if share.false_alarms == 1 else "false alarms"
    bounds = f"{percent(share.false_alarm_low)} to {percent(share.false_alarm_high)}"
    gone = f"; {count(share.dismissed)} do not count" if share.dismissed else ""
    return f"{told} · {percent(share.false_alarm_share)} ({bounds}){gone}"


def _models(read: SafetyFound, view: View) -> Any:
    groups = read.report.breakdown.groups if read.report.breakdown else ()
    rows = [
        LinkedBar(
            str(group.values["model"]),
            group.violation_rate,
            f"{percent(group.violation_rate)} · {count(group.violations)} of {count(group.assessed)}",
            ""
            if group.values["model"] == _OTHER
            else f"/safety{with_condition(search_of(view, flag=read.flag), 'model', group.values['model'])}",
        )
        for group in groups
        if group.assessed
    ][:_MOST_BARS]
    return linked_bars(rows, nothing="No call of this period was checked.", kind="safety")


def _counted(found: Mapping[str, int], view: View, flag: str, names: Mapping[str, str]) -> Any:
    rows = [
        LinkedBar(
            names.get(one, one.replace("_", " ")).capitalize(),
            number,
            f"{count(number)} calls" if number != 1 else "1 call",
            f"/traces{with_condition(search_of(view), 'flag', flag)}",
            f"Calls with the flag {flag_name(flag)}",
        )
        for one, number in list(found.items())[:_MOST_BARS]
    ]
    return linked_bars(
        rows, nothing=f"None of the newest flagged calls has the flag {flag_name(flag)}.", kind="safety"
    )


def _patterns(read: SafetyFound, view: View) -> Any:
    shown = [one for one in read.report.patterns if read.flag in {None, one.flag}][:_MOST_PATTERNS]
    if not shown:
        return html.P("Nothing was flagged in this period.", className="remark")
    titles = ("Flag", "Model", "Template", "Calls", "Share", "Examples")
    table = html.Table(
        [
            html.Thead(html.Tr([html.Th(title, scope="col") for title in titles])),
            html.Tbody([_pattern(one, read, view) for one in shown]),
        ],
        className="groups",
    )
    return html.Div(
        table, className="scrolled", tabIndex="0", role="region", **aria(label="Where flags occur")
    )


def _pattern(one: SafetyPattern, read: SafetyFound, view: View) -> Any:
    address = with_condition(
        with_condition(search_of(view, flag=one.flag), "model", one.model), "template", one.template
    )
    examples = [
        dcc.Link(
            str(number),
            href=f"/safety{search_of(view, flag=read.flag, trace=str(trace_id))}",
            title=f"Example {number} of {flag_name(one.flag)}",
        )
        for number, trace_id in enumerate(one.example_trace_ids, 1)
    ]
    return html.Tr(
        [
            html.Th(dcc.Link(flag_name(one.flag), href=f"/safety{address}"), scope="row"),
            html.Td(clip(one.model, 50)),
            html.Td(clip(one.template, 50) if one.template else "no template"),
            html.Td(count(one.count)),
            html.Td(percent(one.rate)),
            html.Td(html.Span(examples, className="examples") if examples else UNKNOWN),
        ]
    )


def _more(read: SafetyFound, view: View) -> Any:
    address = search_of(view)
    if read.flag:
        address = with_condition(address, "flag", read.flag)
    else:
        address = search_of(view._replace(filter=_both(view.filter, flagged(None).to_text())))
    return dcc.Link("All of them in Traces", href=f"/traces{address}")


def _both(one: str, other: str) -> str:
    return f"({one}) and {other}" if one else other


def _findings(read: SafetyFound, view: View) -> Any:
    found = read.findings
    if found.refused:
        return html.P(found.refused, className="remark")
    if not found.calls:
        return html.P("No call of this period was flagged.", className="remark")
    return finding_list(found, view, read.now, read.evaluators, flag=read.flag)
