"""The drawer in which one trace is shown whole, wherever it was chosen: the address names it."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from app.errors import Overloaded, Unavailable
from dashboard.data.queries import Queries
from dashboard.data.view import read_trace_id, read_view
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import notice, unread
from dashboard.drawing.traces import trace_detail
from dashboard.drawing.tree import MOST_READ, span_tree

__all__ = ["opens_traces", "register_drawer", "trace_drawer"]

_DRAWER = "trace"


def trace_drawer() -> Any:
    """Return the closed drawer."""
    return dmc.Drawer(
        id=_DRAWER,
        title="Trace",
        position="right",
        size="xl",
        closeButtonProps={"aria-label": "Close"},
    )


def opens_traces(dash: Dash, table: str, url: str) -> None:
    """Let a table of traces put the chosen one into the address."""
    answer_in_browser(
        dash,
        ClientsideFunction("traces", "open"),
        Output(url, "search", allow_duplicate=True),
        Output(table, "selectedRows"),
        Input(table, "selectedRows"),
        State(url, "search"),
        prevent_initial_call=True,
    )


def register_drawer(dash: Dash, queries: Queries, url: str) -> None:
    """Open the drawer while the address names a trace, and take the name out when it is closed."""
    answer_in_browser(
        dash,
        ClientsideFunction("traces", "close"),
        Output(url, "search", allow_duplicate=True),
        Input(_DRAWER, "opened"),
        State(url, "search"),
        prevent_initial_call=True,
    )

    @dash.callback(
        Output(_DRAWER, "children"),
        Output(_DRAWER, "opened"),
        Input(url, "search"),
        State(url, "pathname"),
    )
    async def show_trace(search: str | None, path: str | None) -> tuple[Any, bool]:
        named, trace_id = read_trace_id(search)
        if not named:
            return no_update, False
        project_id = read_view(search).project_id
        try:
            trace = await queries.trace(project_id, trace_id) if trace_id else None
            nodes = (
                await queries.tree(project_id, trace.trace_id, MOST_READ)
                if trace and trace.otel_trace_id
                else []
            )
        except (Overloaded, Unavailable) as error:
            return unread(error), True
        if trace is None:
            return notice(
                "There is no such trace",
                "It was never sent to this project, waits to be scored, was erased, or its retention has ended.",
                color="gray",
            ), True
        return trace_detail(trace, span_tree(nodes, trace.trace_id, path or "/", search)), True
