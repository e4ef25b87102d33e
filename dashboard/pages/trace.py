"""One trace on a page of its own: its spans beside all that is known of it."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, dcc, html

from dashboard.data.listed import read_id
from dashboard.data.sources import Sources
from dashboard.data.view import kept_fields
from dashboard.drawing.components import aria
from dashboard.drawing.drawer import DrawnTrace, draw_trace, draw_walk
from dashboard.drawing.frame import URL
from dashboard.drawing.links import TRACE_PAGES
from dashboard.drawing.markup import compact
from dashboard.page import Page

__all__ = ["PAGE"]


def _layout() -> Any:
    walk = html.Nav(id="page-walk", className="walk", **aria(label="Traces before and after this one"))
    return [
        html.Div([html.H1("Trace"), html.Span(id="page-list"), walk], className="asking"),
        html.Div(id="page-trace", className="trace-page"),
    ]


def _register(dash: Dash, sources: Sources) -> None:
    queries = sources.queries

    @dash.callback(
        Output("page-trace", "children"),
        Output("page-walk", "children"),
        Output("page-list", "children"),
        Input(URL, "pathname"),
        Input(URL, "search"),
    )
    async def show(path: str | None, search: str | None) -> tuple[Any, Any, Any]:
        trace_id = read_id((path or "").removeprefix(TRACE_PAGES))
        back = dcc.Link("All traces", href=f"/traces{kept_fields(search)}")
        shown = await draw_trace(queries, trace_id, path, search, beside=True)
        return compact(_arranged(shown)), await draw_walk(queries, trace_id, path, search), back


def _arranged(shown: DrawnTrace) -> Any:
    detail = html.Section(shown.detail, className="card")
    if not shown.tree:
        return detail
    spans = html.Section(list(shown.tree), className="card", **aria(label="Spans"))
    return html.Div([spans, detail], className="beside")


PAGE = Page(path=TRACE_PAGES, title="Trace", order=51, layout=_layout, register=_register)
