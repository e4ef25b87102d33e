"""Making datasets of the calls that pages show, through the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update

from app.errors import InvalidRecord, MonitorError
from app.schemas.datasets import MOST_CALLS
from dashboard.data.datasets import save_items
from dashboard.data.listed import read_id
from dashboard.data.sources import Sources
from dashboard.data.view import View, read_trace_id, read_view
from dashboard.downloads import parameters_of
from dashboard.drawing.components import notice
from dashboard.drawing.dataset_making import REFERENCES
from dashboard.drawing.datasets import dataset_address
from dashboard.drawing.links import TRACE_PAGES
from dashboard.drawing.refusals import refused

__all__ = ["register_adding", "register_making"]


def register_making(dash: Dash, sources: Sources, url: str) -> None:
    """Add the callback of the form that the list of traces folds out."""

    @dash.callback(
        Output("make-said", "children"),
        Input("make-go", "n_clicks"),
        State("make-name", "value"),
        State("make-limit", "value"),
        State("make-reference", "value"),
        State(url, "search"),
        prevent_initial_call=True,
        running=[(Output("make-go", "disabled"), True, False)],
    )
    async def make(
        clicks: int | None, name: str | None, limit: Any, reference: str | None, search: str | None
    ) -> Any:
        if not clicks:
            return no_update
        view = read_view(search)
        calls = {**parameters_of(view, sources.queries.clock()), "limit": _limit(limit)}
        return await _save(sources, view, search, name, {"calls": calls, "reference": _kind(reference)})


def register_adding(dash: Dash, sources: Sources, url: str) -> None:
    """Add the callback of the form that adds the shown call to a dataset."""

    @dash.callback(
        Output("add-said", "children"),
        Input("add-go", "n_clicks"),
        State("add-name", "value"),
        State("add-reference", "value"),
        State("add-correction", "value"),
        State(url, "pathname"),
        State(url, "search"),
        prevent_initial_call=True,
    )
    async def add(
        clicks: int | None,
        name: str | None,
        reference: str | None,
        correction: str | None,
        path: str | None,
        search: str | None,
    ) -> Any:
        on_page = (path or "").startswith(TRACE_PAGES)
        shown = read_id((path or "").removeprefix(TRACE_PAGES)) if on_page else None
        trace_id = str(read_trace_id(search)[1] or shown)
        if not clicks:
            return no_update
        body: dict[str, Any] = {"trace_ids": [trace_id], "reference": _kind(reference)}
        if (correction or "").strip():
            body["corrections"] = {trace_id: correction}
        return await _save(sources, read_view(search), search, name, body)


def _kind(reference: str | None) -> str:
    return reference if reference in REFERENCES else "none"


def _limit(limit: Any) -> int:
    return min(max(limit, 1), MOST_CALLS) if isinstance(limit, int) else 100


async def _save(
    sources: Sources, view: View, search: str | None, name: str | None, body: Mapping[str, Any]
) -> Any:
    """Add items through the API; returns what the form says then."""
    try:
        if not (name or "").strip():
            raise InvalidRecord("Give a dataset first: a new name, or that of a known one.")
        answer = await save_items(sources.changes, view.project_id, None, (name or "").strip(), body)
    except MonitorError as error:
        return refused(error, "Nothing was added")
    told = [
        html.Bdi(answer["name"]),
        f" has {answer['items']:,} items now, in version {answer['version']}. ",
        dcc.Link("Open it", href=dataset_address(search or "", answer["dataset_id"])),
    ]
    return notice("Done", told, color="teal", closable=True)
