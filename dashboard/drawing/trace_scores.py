"""What was thought of a trace: scores of evaluators here and elsewhere, and opinions of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from dash import html

from app.reports.one_trace import OneTrace
from app.schemas.feedback import Feedback
from app.schemas.listed import GivenScore
from app.schemas.traces import Trace
from dashboard.drawing.components import aria, attributes, flag_name
from dashboard.drawing.evidence import finding_id
from dashboard.drawing.formatting import UNKNOWN, clip, instant, score
from monitoring.models import Evidence, Failure, Result, Score

__all__ = ["findings", "opinions", "scores"]

_MOST_FINDINGS: Final = 50
_QUOTED: Final = 60
_WHY: Final = 400


def findings(trace: Trace) -> list[Any]:
    """Return a list of what evaluators found, from which each place in the texts is reached."""
    found = [(name, item) for name, item in _evidence(trace)]
    if not found:
        return []
    lines = [_finding(trace, name, item) for name, item in found[:_MOST_FINDINGS]]
    left = len(found) - len(lines)
    more = html.P(f"{left:,} more findings are marked in the texts.", className="remark") if left else None
    return [html.H3(f"Findings ({len(found):,})"), html.Ul(lines, className="findings"), more]


def _evidence(trace: Trace) -> Iterator[tuple[str, Evidence]]:
    for name, result in sorted(trace.scores.items()):
        if isinstance(result, Score):
            for item in result.evidence:
                yield name, item


def _finding(trace: Trace, name: str, item: Evidence) -> Any:
    whole = "\n\n".join(trace.context) if item.field == "context" else getattr(trace, item.field) or ""
    words = clip(whole[item.start : item.end], _QUOTED)
    place = item.field.replace("_", " ")
    return html.Li(
        [
            html.Button(
                words or place,
                className="finding-link",
                title=f"Show it in the {place}",
                **attributes(data_finding=finding_id(item.field, item.start)),
            ),
            html.Span(f" {flag_name(name)} in the {place}: {clip(item.reason, _WHY)}", className="remark"),
        ]
    )


def scores(one: OneTrace) -> list[Any]:
    """Return the scores of evaluators with versions and thresholds, and those that were given."""
    rows = [_row(name, result, one) for name, result in sorted(one.trace.scores.items())]
    rows += [_given_row(given) for given in one.given]
    if not rows:
        return []
    titles = [html.Th(title, scope="col") for title in ("Evaluator", "Value", "Threshold", "What it says")]
    table = html.Table([html.Thead(html.Tr(titles)), html.Tbody(rows)], className="scores")
    scrolled = html.Div(table, className="scrolled", tabIndex="0", role="region", **aria(label="Scores"))
    return [html.H3("Scores"), scrolled]


def _row(name: str, result: Result, one: OneTrace) -> Any:
    title = html.Th([flag_name(name), html.Div(f"version {result.version}", className="remark")], scope="row")
    threshold = html.Td(_threshold(name, one))
    if isinstance(result, Failure):
        failed = f"failed: {result.error}: {result.message}"
        return html.Tr([title, html.Td(UNKNOWN), threshold, html.Td(failed)])
    reasons = tuple(dict.fromkeys(item.reason for item in result.evidence))[:3]
    parts = ", ".join(f"{flag_name(part)} {score(value)}" for part, value in result.parts.items())
    told = [parts, f"confidence {score(result.confidence)}" if 0 < result.confidence < 1 else "", *reasons]
    said = [html.Div(clip(each, _WHY), className="remark") for each in told if each]
    return html.Tr(
        [title, html.Td(score(result.value)), threshold, html.Td([result.label.replace("_", " "), *said])]
    )


def _threshold(name: str, one: OneTrace) -> list[Any]:
    """Return the threshold of today, and whether the one of that time was exceeded."""
    exceeded = html.Div("exceeded", className="flag") if name in one.trace.hits else None
    return [score(one.thresholds.get(name)), exceeded]


def _given_row(given: GivenScore) -> Any:
    parts = ", ".join(f"{part} {value:.4g}" for part, value in given.parts.items())
    told = [html.Div(clip(each, _WHY), className="remark") for each in (parts, given.comment) if each]
    title = html.Th([given.evaluator, html.Div(f"given by {given.source}", className="remark")], scope="row")
    return html.Tr([title, html.Td(score(given.value)), html.Td(UNKNOWN), html.Td([given.label, *told])])


def opinions(found: Sequence[Feedback]) -> list[Any]:
    """Return what people said about the response, the newest first."""
    if not found:
        return []
    return [
        html.H3(f"Feedback of people ({len(found):,})"),
        html.Ul(list(map(_opinion, found)), className="opinions"),
    ]


def _opinion(opinion: Feedback) -> Any:
    by = f" by {opinion.user_id}" if opinion.user_id else ""
    return html.Li(
        [
            html.Strong(f"{opinion.rating} of 5"),
            *(html.Span(category.replace("_", " "), className="chip") for category in opinion.categories),
            html.Div(opinion.comment, className="comment") if opinion.comment else None,
            html.Div(f"{instant(opinion.created_at)}{by}", className="remark"),
        ]
    )
