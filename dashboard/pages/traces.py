"""Finding traces: a list narrowed by fields that stay in the address."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update

from app.errors import InvalidParameter, Overloaded, Unavailable
from app.schemas.listed import ListedTrace
from dashboard.data.narrowing import FIELDS, Narrowing, read_narrowing
from dashboard.data.queries import Queries
from dashboard.data.view import read_view, with_fields
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import aria, flag_name, notice, unread
from dashboard.drawing.drawer import opens_traces
from dashboard.drawing.frame import CLOCK, URL
from dashboard.drawing.redraw import only_changed
from dashboard.drawing.traces import trace_rows, trace_table
from dashboard.page import Page
from monitoring.models import SafetyFlag

__all__ = ["PAGE"]

_PATH = "/traces"
_ROWS = 100
_REFUSED = "refused"
_QUALITIES = ("0.3", "0.5", "0.7", "0.9")
_PARTS = {
    "rows": ("found", "rowData"),
    "problem": ("found-problem", "children"),
    "pages": ("found-pages", "children"),
}


def _layout() -> Any:
    return [
        html.H1("Traces", className="unseen"),
        dcc.Store(id="found-drawn"),
        dcc.Store(id="filter-names", data=list(FIELDS)),
        dcc.Store(id="filter-filled"),
        html.Div(_filters(), className="card filters", role="search", **aria(label="Filters")),
        html.Div(id="found-problem", role="status"),
        html.Section([trace_table("found", height="max(420px, calc(100dvh - 250px))")], className="card"),
        html.Nav(id="found-pages", className="pages", **aria(label="Pages of the list")),
    ]


def _filters() -> list[Any]:
    flags = [{"value": flag.value, "label": flag_name(flag.value)} for flag in SafetyFlag]
    verdicts = [{"value": "flagged", "label": "Flagged"}, {"value": "clean", "label": "No flag"}]
    qualities = [{"value": value, "label": f"at most {value}"} for value in _QUALITIES]
    return [
        dmc.Autocomplete(
            id="filter-model",
            label="Model",
            placeholder="Any",
            value="",
            debounce=500,
            limit=200,
            clearable=True,
        ),
        dmc.Select(id="filter-flag", label="Flag", placeholder="Any", data=flags, clearable=True),
        dmc.Select(id="filter-verdict", label="Verdict", placeholder="Any", data=verdicts, clearable=True),
        dmc.TextInput(id="filter-user", label="User", placeholder="Any", value="", debounce=500),
        dmc.TextInput(id="filter-session", label="Session", placeholder="Any", value="", debounce=500),
        dmc.Select(id="filter-quality", label="Quality", placeholder="Any", data=qualities, clearable=True),
    ]


def _pages(rows: list[ListedTrace], narrowing: Narrowing, search: str | None) -> list[Any]:
    shown = rows[:_ROWS]
    links: list[Any] = []
    if narrowing.before:
        links.append(dcc.Link("Newest", href=f"{_PATH}{with_fields(search, before=None)}"))
    if len(rows) > _ROWS:
        last = str(shown[-1].trace_id)
        links.append(dcc.Link("Older", href=f"{_PATH}{with_fields(search, before=last)}"))
    return links


def _register(dash: Dash, queries: Queries) -> None:
    _register_filters(dash)
    opens_traces(dash, "found", URL)

    @dash.callback(
        output={
            **{name: Output(*target) for name, target in _PARTS.items()},
            "drawn": Output("found-drawn", "data"),
        },
        inputs={
            "_ticks": Input(CLOCK, "n_intervals"),
            "search": Input(URL, "search"),
            "drawn": State("found-drawn", "data"),
        },
    )
    async def list_traces(
        _ticks: int | None, search: str | None, drawn: dict[str, str] | None
    ) -> dict[str, Any]:
        if ctx.triggered_id == CLOCK and (drawn or {}).get(_REFUSED) == (search or ""):
            return _unchanged()  # what took too long is not asked again by itself
        return await _list(queries, search, drawn)

    @dash.callback(Output("filter-model", "data"), Input(URL, "search"))
    async def offer_models(search: str | None) -> list[str]:
        try:
            overview = await queries.overview(read_view(search))
        except (Overloaded, Unavailable):
            return []
        return sorted(model.model_name for model in overview.cost.by_model)


def _register_filters(dash: Dash) -> None:
    answer_in_browser(
        dash,
        ClientsideFunction("traces", "fillFilters"),
        *(Output(f"filter-{name}", "value") for name in FIELDS),
        Output("filter-filled", "data"),
        Input(URL, "search"),
        State("filter-names", "data"),
        *(State(f"filter-{name}", "value") for name in FIELDS),
    )
    answer_in_browser(
        dash,
        ClientsideFunction("traces", "readFilters"),
        Output(URL, "search", allow_duplicate=True),
        *(Input(f"filter-{name}", "value") for name in FIELDS),
        State("filter-names", "data"),
        State("filter-filled", "data"),
        State(URL, "search"),
        prevent_initial_call=True,
    )


def _unchanged() -> dict[str, Any]:
    return dict.fromkeys((*_PARTS, "drawn"), no_update)


async def _list(queries: Queries, search: str | None, drawn: dict[str, str] | None) -> dict[str, Any]:
    """Return what changes on the page when it lists the traces that the address describes."""
    narrowing = read_narrowing(search)
    try:
        rows = await queries.found(read_view(search), narrowing, _ROWS + 1)
    except (Overloaded, Unavailable) as error:
        away = unread(error, "This page goes on by itself.")
        return _unchanged() | {"problem": away, "drawn": None}
    except InvalidParameter as error:
        refused = {"problem": notice("Too much to look through", error.detail), "rows": [], "pages": []}
        return _unchanged() | refused | {"drawn": {_REFUSED: search or ""}}
    parts = {
        "rows": trace_rows(rows[:_ROWS], datetime.now(UTC)),
        "problem": None
        if rows
        else notice("No trace fits", "Choose a longer period, or fewer filters.", color="gray"),
        "pages": _pages(rows, narrowing, search),
    }
    kept, shown = only_changed(parts, drawn)
    return kept | {"drawn": shown}


PAGE = Page(path=_PATH, title="Traces", icon="list", order=1, layout=_layout, register=_register)
