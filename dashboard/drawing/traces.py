"""The table of traces, and the content of the drawer that shows one trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import html

from app.schemas.listed import ListedTrace
from app.schemas.traces import Trace
from dashboard.drawing.components import aria, flag_name
from dashboard.drawing.evidence import Highlight, marked
from dashboard.drawing.formatting import UNKNOWN, ago, clip, clock, count, instant, milliseconds, money, score
from dashboard.drawing.restatements import restatement_reason
from dashboard.drawing.silence import silence_notice
from monitoring.bounds import FIGURES
from monitoring.marks import Mark
from monitoring.models import Failure, Result, Score
from monitoring.text.excerpts import SCORED_CHARACTERS

__all__ = ["trace_detail", "trace_rows", "trace_table"]

_SNIPPET = 160
_OTHER_FIGURES = [name for name in FIGURES if name not in {"prompt_tokens", "completion_tokens"}]
# The key is the unit at the end of a figure's name.
_FORMATS: Mapping[str, Callable[[Any], str]] = {
    "ms": milliseconds,
    "tokens": count,
    "requests": count,
    "usd": money,
}
_PARTIAL = (
    f"This record holds more than {SCORED_CHARACTERS:,} characters. Its scores and evidence are about the beginning "
    "and the end of its longest texts."
)
_THEME = """themeQuartz.withParams({
  backgroundColor: "var(--card)", foregroundColor: "var(--mantine-color-text)", borderColor: "var(--line)",
  headerBackgroundColor: "var(--card)", headerTextColor: "var(--quiet)", chromeBackgroundColor: "var(--card)",
  rowHoverColor: "var(--mantine-color-default-hover)", selectedRowBackgroundColor: "var(--mantine-primary-color-light)",
  accentColor: "var(--mantine-primary-color-filled)", fontFamily: "inherit", fontSize: 13, spacing: 6,
  browserColorScheme: "inherit", wrapperBorder: false, headerFontWeight: 500
})"""
_COLUMNS: list[dict[str, Any]] = [
    {"field": "at", "headerName": "Time (UTC)", "cellRenderer": "When", "width": 170},
    {"field": "model", "headerName": "Model", "width": 180},
    {"field": "quality", "headerName": "Quality", "cellRenderer": "ScoreBar", "width": 112},
    {"field": "safety", "headerName": "Safety", "cellRenderer": "ScoreBar", "width": 112},
    {"field": "flags", "headerName": "Flags", "cellRenderer": "Flags", "cellDataType": False, "width": 155},
    {"field": "cost", "headerName": "Cost", "width": 105, "type": "rightAligned"},
    {"field": "prompt", "headerName": "Prompt", "flex": 1, "minWidth": 200},
]


def trace_table(name: str, *, height: str) -> Any:
    """Return an empty table of traces; `rowData` fills it, and `selectedRows` holds the choice."""
    table = dag.AgGrid(
        id=name,
        columnDefs=_COLUMNS,
        rowData=[],
        getRowId="params.data.id",
        defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True},
        dashGridOptions={
            "theme": {"function": _THEME},
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "rowHeight": 36,
            "headerHeight": 34,
            "animateRows": False,
            "suppressCellFocus": False,
            "suppressNoRowsOverlay": True,
        },
        style={"height": height},
    )
    return html.Div(table, role="region", **aria(label="Traces, newest first; Space opens the one in focus"))


def trace_rows(traces: Sequence[ListedTrace], now: datetime) -> list[dict[str, Any]]:
    """Return the table's rows, in the order given."""
    return [
        {
            "id": str(trace.trace_id),
            "at": instant(trace.timestamp),
            "clock": clock(trace.timestamp, now),
            "ago": ago(trace.timestamp, now),
            "model": trace.model_name,
            "quality": trace.quality_score,
            "safety": trace.safety_score,
            "flags": [flag_name(flag) for flag in trace.safety_flags],
            "safe": {True: "none", False: UNKNOWN, None: UNKNOWN}[trace.is_safe],
            "cost": money(trace.cost_usd),
            "prompt": clip(trace.prompt, _SNIPPET)
            or ("(came without texts)" if Mark.NO_CONTENT in trace.marks else "(empty)"),
        }
        for trace in traces
    ]


def trace_detail(trace: Trace, tree: Sequence[Any] = ()) -> list[Any]:
    """Return all that is known about a trace: `tree`, texts with evidence, scores, facts."""
    texts = [
        ("system_prompt", "System prompt", trace.system_prompt or ""),
        ("prompt", "Prompt", trace.prompt),
        ("response", "Response", trace.response),
        ("context", "Context", "\n\n".join(trace.context)),
        ("reference", "Reference", trace.reference or ""),
    ]
    silent = Mark.NO_CONTENT in trace.marks
    return [
        _summary(trace),
        *_restating(trace),
        *tree,
        *(
            [
                silence_notice(
                    "This call came without its texts", trace.metadata.get("otel.scope"), opened=True
                )
            ]
            if silent
            else []
        ),
        *([html.P(_PARTIAL, className="remark")] if Mark.SCORED_IN_PART in trace.marks else []),
        *(
            _text(title, text, _highlights(trace.scores, field))
            for field, title, text in texts
            if text or (field in {"prompt", "response"} and not silent)
        ),
        *_scores(trace),
        html.H3("Call"),
        html.Table(html.Tbody([_fact(*fact) for fact in _facts(trace)]), className="facts"),
    ]


def _restating(trace: Trace) -> list[Any]:
    if trace.restates is None:
        return []
    why = restatement_reason(trace.restates_because)
    return [
        html.P(
            f"This span counts nothing, because it restates the call {trace.restates}: {why}.",
            className="remark",
        )
    ]


def _scores(trace: Trace) -> list[Any]:
    if not trace.scores:
        return []
    titles = [html.Th(title, scope="col") for title in ("Evaluator", "Value", "Label")]
    rows = [_score_row(name, result) for name, result in sorted(trace.scores.items())]
    return [
        html.H3("Scores"),
        html.Table([html.Thead(html.Tr(titles)), html.Tbody(rows)], className="scores"),
    ]


def _summary(trace: Trace) -> Any:
    flags = [html.Span(flag_name(flag), className="flag") for flag in trace.flags]
    verdict = {True: "No flag", False: "Flagged", None: "Not checked for safety"}[trace.is_safe]
    return dmc.Group(
        gap="xl",
        mb="md",
        children=[
            _figure("Quality", score(trace.overall_quality)),
            _figure("Safety", score(trace.safety_score)),
            _figure("Cost", money(trace.cost_usd)),
            _figure("Verdict", html.Span(flags or verdict, className="flags")),
        ],
    )


def _figure(title: str, value: Any) -> Any:
    return html.Div([html.Div(title, className="remark"), html.Div(value, className="figure")])


def _text(title: str, text: str, highlights: Sequence[Highlight]) -> Any:
    return html.Section(
        [html.H3(title), html.Div(marked(text, highlights) if text else html.Em("empty"), className="text")]
    )


def _highlights(scores: Mapping[str, Result], field: str) -> list[Highlight]:
    return [
        Highlight(item.start, item.end, name, item.reason)
        for name, result in scores.items()
        if isinstance(result, Score)
        for item in result.evidence
        if item.field == field
    ]


def _score_row(name: str, result: Result) -> Any:
    title = html.Th(flag_name(name), scope="row")
    if isinstance(result, Failure):
        return html.Tr([title, html.Td(UNKNOWN), html.Td(f"failed: {result.error}: {result.message}")])
    parts = ", ".join(f"{flag_name(part)} {score(value)}" for part, value in result.parts.items())
    label = result.label.replace("_", " ")
    described = html.Td([label, html.Div(parts, className="remark") if parts else None])
    return html.Tr([title, html.Td(score(result.value)), described])


def _figure_name(name: str) -> str:
    """Return the displayed name of a figure: response_time_ms is Response time."""
    return name.removesuffix("_ms").removesuffix("_usd").replace("_", " ").capitalize()


def _figure_text(name: str, value: Any) -> str:
    return _FORMATS[name.rpartition("_")[2]](value)


def _facts(trace: Trace) -> list[tuple[str, str]]:
    facts = [
        ("Time", instant(trace.occurred_at)),
        ("Model", trace.model_name),
        ("Provider", trace.provider),
        ("User", trace.user_id),
        ("Session", trace.session_id),
        ("Template", trace.template_id),
        ("Tags", ", ".join(trace.tags)),
        ("Topic", trace.topic),
        ("Tokens", f"{count(trace.prompt_tokens)} in, {count(trace.completion_tokens)} out"),
        ("Price", trace.pricing_status.replace("_", " ")),
        ("Service tier", trace.service_tier),
        *((_figure_name(name), _figure_text(name, getattr(trace, name))) for name in _OTHER_FIGURES),
        ("Cost by our tables", money(trace.computed_cost_usd)),
        ("Error", trace.error),
        ("Marks", ", ".join(trace.marks)),
        ("Source", trace.source),
        ("Trace id", str(trace.trace_id)),
    ]
    return [(title, value) for title, value in facts if value and value != UNKNOWN]


def _fact(title: str, value: str) -> Any:
    return html.Tr([html.Th(title, scope="row"), html.Td(value)])
