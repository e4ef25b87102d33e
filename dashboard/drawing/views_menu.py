"""The menu of views: ready ones, those that the project saved, and a way to save this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from app.errors import MonitorError
from app.schemas.saved_views import LONGEST_VIEW_NAME, MOST_VIEWS, SavedView
from app.storage.access.saved_views import read_views
from dashboard.data.sources import Sources
from dashboard.data.view import read_fields, read_view, with_fields
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import aria, attributes, icon
from dashboard.drawing.popup import popup

__all__ = ["READY_VIEWS", "ReadyView", "register_views_menu", "saved_links", "views_menu"]

_READY: Final = "ready-view"
_LEFT_OUT: Final = {"project", "trace", "before"}


class ReadyView(NamedTuple):
    """A view that every project has: its name, the filter of the traces, and what that means."""

    name: str
    filter: str
    about: str


READY_VIEWS: Final = (
    ReadyView("Errors", "status = error", "calls that ended with an error"),
    ReadyView("Slow", "latency > 10000", "calls that took more than 10 seconds"),
    ReadyView("Expensive", "cost > 0.1", "calls that cost more than 10 cents"),
    ReadyView("Flagged", "not is_safe", "calls with a safety flag"),
    ReadyView("Low quality", "quality < 0.5", "calls with an overall quality below 0.5"),
    ReadyView("Cut off", "label.coherence = truncated", "answers that stop in the middle"),
    ReadyView("Refusals", "label.refusal = refusal", "answers that decline"),
)


def views_menu() -> Any:
    """Return the button and its panel."""
    return popup(
        "views",
        [icon("bookmark"), html.Span("Views", className="word")],
        [
            html.H2("Ready views"),
            _ready_links(),
            html.H2("Saved by this project"),
            html.Div(id="views-saved"),
            html.Div(
                className="save-view",
                children=[
                    dmc.TextInput(
                        id="view-name",
                        label="Save what this page shows",
                        placeholder="A name",
                        value="",
                        size="xs",
                        inputProps={"maxLength": LONGEST_VIEW_NAME},
                    ),
                    dmc.Button("Save", id="view-save", size="xs", variant="default", n_clicks=0),
                ],
            ),
            html.Div(id="view-said", role="status", className="remark"),
            dcc.Store(id="views-opened"),
            dcc.Store(id="views-changed"),
            dcc.Store(id="view-removed"),
        ],
        title="Views",
    )


def _ready_links() -> Any:
    """Return links to the ready views; the browser lets each keep the time of the address."""
    links = [
        html.Li(
            [
                dcc.Link(view.name, href="/traces", id={"type": _READY, "filter": view.filter}),
                html.Span(view.about, className="remark"),
            ]
        )
        for view in READY_VIEWS
    ]
    return html.Ul(links, className="view-links")


def saved_links(views: Sequence[SavedView]) -> Any:
    """Return links to saved views, each with a button that removes it."""
    if not views:
        return html.Span("None yet. A saved view is seen by everybody in the project.", className="remark")
    rows = [
        html.Li(
            [
                dcc.Link(view.name, href=f"{view.path}{view.query}"),
                html.Button(
                    [icon("close"), html.Span(f"Remove {view.name}", className="unseen")],
                    className="remove",
                    type="button",
                    title="Remove this view",
                    **attributes(data_view=str(view.view_id)),
                ),
            ]
        )
        for view in views[:MOST_VIEWS]
    ]
    return html.Ul(rows, className="view-links", **aria(label="Saved views"))


def register_views_menu(dash: Dash, url: str, sources: Sources) -> None:
    """Fill the menu, and save and remove views through the API."""
    every = {"type": _READY, "filter": ALL}
    answer_in_browser(
        dash,
        ClientsideFunction("address", "filterBy"),
        Output(every, "href"),
        Input(url, "search"),
        State(every, "id"),
    )

    @dash.callback(
        Output("views-saved", "children"),
        Input("views-opened", "data"),
        Input("views-changed", "data"),
        State(url, "search"),
    )
    async def show_saved(_opened: Any, _changed: Any, search: str | None) -> Any:
        project_id = read_view(search).project_id
        try:
            return saved_links(
                await sources.queries.read(project_id, lambda connection: read_views(connection, project_id))
            )
        except MonitorError as error:
            return html.Span(error.detail, className="mistake")

    _register_saving(dash, url, sources)
    _register_removal(dash, url, sources)


def _register_saving(dash: Dash, url: str, sources: Sources) -> None:
    @dash.callback(
        Output("view-said", "children"),
        Output("view-name", "value"),
        Output("views-changed", "data"),
        Input("view-save", "n_clicks"),
        Input("view-name", "n_submit"),
        State("view-name", "value"),
        State(url, "pathname"),
        State(url, "search"),
        prevent_initial_call=True,
    )
    async def save(_c: Any, _s: Any, name: str | None, path: str | None, search: str | None) -> Any:
        named = (name or "").strip()
        if not named:
            return "Give the view a name first.", no_update, no_update
        query = with_fields("", **{k: v for k, v in read_fields(search).items() if k not in _LEFT_OUT})
        body = {"name": named, "path": path or "/", "query": query}
        try:
            made = await sources.changes.send("POST", "/views", read_view(search).project_id, json=body)
        except MonitorError as error:
            return error.detail, no_update, no_update
        return f"Saved {named}.", "", made["view_id"]


def _register_removal(dash: Dash, url: str, sources: Sources) -> None:
    @dash.callback(
        Output("view-said", "children", allow_duplicate=True),
        Output("views-changed", "data", allow_duplicate=True),
        Input("view-removed", "data"),
        State(url, "search"),
        prevent_initial_call=True,
    )
    async def remove(removed: Any, search: str | None) -> Any:
        try:
            view_id = UUID(str(removed))
            await sources.changes.send("DELETE", f"/views/{view_id}", read_view(search).project_id)
        except ValueError:
            return no_update, no_update
        except MonitorError as error:
            return error.detail, no_update
        return "Removed.", f"without {view_id}"
