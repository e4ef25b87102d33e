"""Flagged calls with their evidence in place: what was found, where, why, and how surely."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from dash import dcc, html

from app.reports.findings import Findings
from app.schemas.traces import Trace
from dashboard.data.view import View, search_of
from dashboard.drawing.components import attributes, flag_name
from dashboard.drawing.evidence import Highlight, marked
from dashboard.drawing.formatting import clip, clock, instant, score
from dashboard.drawing.labels import VERDICTS
from monitoring.marks import Mark
from monitoring.models import Evidence, Score

__all__ = ["FIELD_NAMES", "finding_list"]

FIELD_NAMES: Final = {
    "prompt": "prompt",
    "response": "response",
    "context": "context",
    "reference": "reference",
    "system_prompt": "system prompt",
}
_AROUND = 70
_MOST_EVIDENCE = 3
_LONGEST_FOUND = 300
_BEGINNING = 200


def finding_list(
    found: Findings, view: View, now: datetime, evaluators: Collection[str], **fields: str | None
) -> Any:
    """Return the calls in the order given, each with a link that opens it, and what people decided.

    `evaluators` are those whose evidence is shown where their value is beyond their threshold.
    `fields` are further fields of the address.
    """
    return html.Ol(
        [
            _finding(trace, found.verdicts.get(trace.trace_id, {}), view, now, evaluators, fields)
            for trace in found.calls
        ],
        className="found-calls",
    )


def _finding(
    trace: Trace,
    verdicts: Mapping[str, str],
    view: View,
    now: datetime,
    evaluators: Collection[str],
    fields: dict[str, str | None],
) -> Any:
    flags = [shown for flag in trace.flags for shown in _flag(flag, verdicts.get(flag))]
    told = [clip(trace.model_name, 60), *([clip(trace.template_id, 60)] if trace.template_id else [])]
    if Mark.REDACTED in trace.marks:
        told.append("texts were redacted before they were stored")
    address = search_of(view, **fields, trace=str(trace.trace_id))
    when = html.Time(clock(trace.occurred_at, now), dateTime=instant(trace.occurred_at))
    heading = html.Div(
        [
            dcc.Link(when, href=f"/safety{address}", title="Open this call"),
            html.Span(flags, className="flags"),
            html.Span(" · ".join(told), className="remark"),
        ],
        className="heading",
    )
    lines = [line for name in trace.scores for line in _lines(trace, name, evaluators)]
    return html.Li([heading, *(lines or [_beginning(trace)])])


def _flag(flag: str, verdict: str | None) -> Iterator[Any]:
    yield html.Span(flag_name(flag), className="flag")
    if verdict in VERDICTS:
        yield html.Span(VERDICTS[verdict].lower(), className="word", **attributes(data_outcome=verdict))


def _lines(trace: Trace, name: str, evaluators: Collection[str]) -> Iterator[Any]:
    result = trace.scores[name]
    if not isinstance(result, Score) or name not in trace.hits or name not in evaluators:
        return
    value = f"{flag_name(name)} {score(result.value)}"
    if not result.evidence:
        yield _line(value, result.label.replace("_", " "), clip(trace.response, _BEGINNING))
    for evidence in result.evidence[:_MOST_EVIDENCE]:
        where = f"{FIELD_NAMES[evidence.field]}: {evidence.reason}"
        yield _line(value, where, _excerpt(trace, name, evidence))
    if (left := len(result.evidence) - _MOST_EVIDENCE) > 0:
        yield html.P(f"{left} more places: open the call to see them.", className="remark")


def _line(value: str, where: str, shown: Any) -> Any:
    said = html.Div([html.Strong(value), " ", html.Span(where, className="remark")])
    return html.Div([said, html.Blockquote(shown, className="excerpt")], className="evidence")


def _excerpt(trace: Trace, name: str, evidence: Evidence) -> list[Any]:
    text = "\n\n".join(trace.context) if evidence.field == "context" else getattr(trace, evidence.field) or ""
    end = min(evidence.end, evidence.start + _LONGEST_FOUND)
    first = max(0, evidence.start - _AROUND)
    shown = text[first : end + _AROUND]
    found = Highlight(evidence.start - first, end - first, name, evidence.reason)
    return [
        "… " if first else "",
        *marked(shown, [found]),
        " …" if end + _AROUND < len(text) else "",
    ]


def _beginning(trace: Trace) -> Any:
    return html.Blockquote(clip(trace.response, _BEGINNING) or "(empty)", className="excerpt")
