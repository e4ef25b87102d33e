"""The drawer that shows the complete trace which the address names."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from app.errors import InvalidParameter, Overloaded, Unavailable
from app.reports.one_trace import OneTrace
from app.schemas.projects import DEFAULT_PROJECT
from app.storage.traces.listing import Neighbours, read_neighbours
from dashboard.auth.current_identity import is_signed_in
from dashboard.data.listed import listed, read_id
from dashboard.data.queries import Queries
from dashboard.data.view import read_fields, read_trace_id, read_view, with_fields
from dashboard.drawing.address_parts import NAMED_TRACE
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.compared import compared
from dashboard.drawing.components import aria, notice, unread
from dashboard.drawing.links import TRACE_PAGES, trace_address
from dashboard.drawing.markup import compact
from dashboard.drawing.trace_detail import trace_detail
from dashboard.drawing.trace_facts import linker
from dashboard.drawing.tree import MOST_READ, span_tree

__all__ = ["DrawnTrace", "draw_trace", "draw_walk", "opens_traces", "register_drawer", "trace_drawer"]

_DRAWER, _WALK = "trace", "trace-walk"
_LONGEST_ID: Final = 64


def trace_drawer() -> Any:
    """Return the closed drawer."""
    walk = html.Nav(id=_WALK, className="walk", **aria(label="Traces before and after this one"))
    return dmc.Drawer(
        id=_DRAWER,
        title=html.Div([html.Span("Trace"), walk], className="drawer-title"),
        position="right",
        size="min(860px, 100vw)",
        closeButtonProps={"aria-label": "Close"},
    )


def opens_traces(dash: Dash, table: str, url: str) -> None:
    """Put the trace that is chosen in a table into the address."""
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
    """Open the drawer while the address names a trace; closing it removes the name."""
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
        Input(NAMED_TRACE, "data"),
        State(url, "pathname"),
    )
    async def show_trace(search: str | None, path: str | None) -> tuple[Any, bool]:
        named, trace_id = read_trace_id(search)
        if not named:
            return no_update, False
        shown = await draw_trace(queries, trace_id, path, search)
        return compact(shown.detail), True

    @dash.callback(Output(_WALK, "children"), Input(NAMED_TRACE, "data"), State(url, "pathname"))
    async def show_neighbours(search: str | None, path: str | None) -> Any:
        return await draw_walk(queries, read_trace_id(search)[1], path, search)


class DrawnTrace(NamedTuple):
    """What is shown of a trace, and its spans where they stand beside that."""

    detail: list[Any]
    tree: Sequence[Any] = ()


async def draw_trace(
    queries: Queries, trace_id: UUID | None, path: str | None, search: str | None, *, beside: bool = False
) -> DrawnTrace:
    """Return what is known of a trace, or a notice; with `beside`, its spans are apart.

    An address with the field `with` compares the trace with the one that it names.
    """
    project_id = read_view(search).project_id
    try:
        found = await queries.trace(project_id, trace_id, MOST_READ) if trace_id else None
        if found is not None and "with" in read_fields(search):
            return DrawnTrace(await _compare(queries, found, path or "/", search))
    except (Overloaded, Unavailable) as error:
        return DrawnTrace([unread(error)])
    if found is None:
        return DrawnTrace([_missing()])
    tree = span_tree(found.nodes, found.trace.trace_id, path or "/", search)
    address = f"{queries.api_url}/traces/{found.trace.trace_id}"
    readable = not is_signed_in() and project_id == DEFAULT_PROJECT
    json_url = address if readable else None
    inside, apart = ([], tree) if beside else (tree, [])
    return DrawnTrace(trace_detail(found, linker(search), inside, json_url), apart)


async def _compare(queries: Queries, one: OneTrace, path: str, search: str | None) -> list[Any]:
    other_id = read_id(read_fields(search)["with"])
    other = await queries.trace(read_view(search).project_id, other_id, 0) if other_id else None
    if other is None:
        alone = trace_address(path, search, one.trace.trace_id)
        return [_missing(), dcc.Link("Show the first trace alone", href=alone)]
    # Texts of thousands of words take a moment.
    return await asyncio.to_thread(compared, one, other, path, search)


def _missing() -> Any:
    return notice(
        "There is no such trace",
        "It was never sent to this project, waits to be scored, was erased, or its retention has ended.",
        color="gray",
    )


async def draw_walk(queries: Queries, trace_id: UUID | None, path: str | None, search: str | None) -> Any:
    """Return links to the traces before and after one in the list, and ways to compare it."""
    if trace_id is None:
        return None
    view = read_view(search)
    try:
        chosen = listed(view, queries.clock(), queries.privacy)
        around = await queries.read(
            view.project_id,
            lambda connection: read_neighbours(connection, view.project_id, chosen, trace_id),
        )
    except (Overloaded, Unavailable, InvalidParameter):
        return None
    on_page = (path or "").startswith(TRACE_PAGES)
    page = f"{TRACE_PAGES}{trace_id}{with_fields(search, trace=None)}"
    return [
        _walk_link("Newer", "k", around.newer, path, search),
        _walk_link("Older", "j", around.older, path, search),
        None if on_page else dcc.Link("Open as a page", href=page),
        _compare_menu(around, path, search),
    ]


def _compare_menu(around: Neighbours, path: str | None, search: str | None) -> Any:
    pairs = (("the newer one", around.newer), ("the older one", around.older))
    links = [
        dcc.Link(title, href=f"{path or '/'}{with_fields(search, **{'with': str(other)})}")
        for title, other in pairs
        if other
    ]
    # assets/trace.js puts the id into the address.
    field = dcc.Input(id="compare-id", type="text", placeholder="id of another trace", maxLength=_LONGEST_ID)
    label = html.Span("Id of the trace to compare with", className="unseen")
    wanted = html.Label([label, field])
    go = html.Button("Compare", id="compare-go", type="button", className="plain")
    said = html.Span(id="compare-said", role="status", className="mistake")
    told = html.P("In the list, Ctrl and a click on two rows compares them.", className="remark")
    return html.Details(
        [
            html.Summary("Compare with …"),
            html.Div([*links, wanted, go, said, told], className="compare-menu"),
        ],
        className="folded",
    )


def _walk_link(title: str, key: str, trace_id: UUID | None, path: str | None, search: str | None) -> Any:
    if trace_id is None:
        return html.Span(title, className="remark")
    href = trace_address(path, search, trace_id)
    return dcc.Link(title, href=href, id=f"walk-{key}", title=f"{title} trace of this list (key {key})")
