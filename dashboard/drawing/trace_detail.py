"""The content of the drawer: all that is known about one trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import dash_mantine_components as dmc
from dash import html

from app.reports.one_trace import OneTrace
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.traces import Trace
from dashboard.drawing.components import aria, flag_name
from dashboard.drawing.conversation import conversation, text_box
from dashboard.drawing.dataset_making import adding
from dashboard.drawing.formatting import clip, milliseconds, money, score
from dashboard.drawing.labels import labelling
from dashboard.drawing.restatements import restatement_reason
from dashboard.drawing.silence import silence_notice
from dashboard.drawing.trace_facts import Linker, facts, linked, owners
from dashboard.drawing.trace_scores import findings, opinions, scores
from monitoring.marks import Mark
from monitoring.text.excerpts import SCORED_CHARACTERS

__all__ = ["trace_detail"]

_PARTIAL: Final = (
    f"This record holds more than {SCORED_CHARACTERS:,} characters. Its scores and evidence are about the beginning "
    "and the end of its longest texts."
)


def trace_detail(
    one: OneTrace, link: Linker, tree: Sequence[Any] = (), json_url: str | None = None
) -> list[Any]:
    """Return what the drawer shows of a trace: verdict, `tree`, findings, texts, scores, facts.

    `json_url` is the address of the same as JSON, where a browser can open it.
    """
    trace = one.trace
    silent = Mark.NO_CONTENT in trace.marks
    scope = trace.metadata.get("otel.scope")
    return [
        _summary(trace, link),
        owners(trace, link),
        *_failure(trace),
        *_restating(one),
        *tree,
        silence_notice("This call came without its texts", scope, opened=True) if silent else None,
        html.P(_PARTIAL, className="remark") if Mark.SCORED_IN_PART in trace.marks else None,
        *findings(trace),
        *labelling(one),
        adding(one),
        *conversation(trace),
        *opinions(one.opinions),
        *scores(one),
        *facts(trace, link),
        _addresses(trace, json_url),
    ]


def _summary(trace: Trace, link: Linker) -> Any:
    if trace.kind not in COUNTED_KINDS:
        name = trace.metadata.get("span.name") or "A step without a name"
        figures = [
            ("Step", clip(str(name), 200)),
            ("Kind", trace.kind),
            ("Duration", milliseconds(trace.response_time_ms)),
        ]
    else:
        unanswered = trace.error is not None and not trace.response
        figures = [
            ("Quality", score(None if unanswered else trace.overall_quality)),
            ("Safety", score(None if unanswered else trace.safety_score)),
            ("Cost", money(trace.cost_usd)),
            ("Duration", milliseconds(trace.response_time_ms)),
            ("Verdict", _verdict(trace, link)),
        ]
    return dmc.Group([_figure(title, value) for title, value in figures], gap="xl", mb="sm")


def _verdict(trace: Trace, link: Linker) -> Any:
    marks = [html.Span("Error", className="flag error")] if trace.error is not None else []
    marks += [linked(flag_name(flag), link("flag", flag), className="flag") for flag in trace.flags]
    marks += [
        html.Span(f"{flag_name(flag)}: false alarm", className="word") for flag in trace.dismissed_flags
    ]
    said = {True: "No flag", False: "Flagged", None: "Not checked for safety"}[trace.is_safe]
    return html.Span(marks or said, className="flags")


def _figure(title: str, value: Any) -> Any:
    return html.Div([html.Div(title, className="remark"), html.Div(value, className="figure")])


def _failure(trace: Trace) -> list[Any]:
    if trace.error is None:
        return []
    said = text_box("Error", trace.error) if trace.error else html.P("It does not say why.")
    return [html.Section([html.H3("Error"), said], className="said said-error")]


def _restating(one: OneTrace) -> list[Any]:
    trace = one.trace
    told = []
    if trace.restates is not None:
        why = restatement_reason(trace.restates_because)
        told.append(f"This span counts nothing, because it restates the call {trace.restates}: {why}.")
    if one.restating:
        number = len(one.restating)
        others = "1 other span restates" if number == 1 else f"{number} other spans restate"
        told.append(f"{others} this call, and only the call counts.")
    return [html.P(each, className="remark") for each in told]


def _addresses(trace: Trace, json_url: str | None) -> Any:
    trace_id = str(trace.trace_id)
    same = f"GET /traces/{trace_id}"
    return html.Div(
        [
            dmc.CopyButton(
                value=trace_id, children="Copy the id", copiedChildren="Copied", size="compact-xs"
            ),
            html.A("Open as JSON", href=json_url, target="_blank", rel="noopener noreferrer")
            if json_url
            else html.Code(same, className="remark"),
        ],
        className="addresses",
        role="group",
        **aria(label="Addresses of this trace"),
    )
