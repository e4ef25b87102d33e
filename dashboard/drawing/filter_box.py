"""The filter box of every page: the filter as text, with proposals, and as parts to take away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from app.errors import InvalidParameter, Overloaded, Unavailable
from app.filters.conditions import ORDERED, Operator
from app.filters.fields import FAMILIES, FIELDS, Field, FieldType
from dashboard.data.filtering import FilterPart, filter_parts, mistake_of, with_entered
from dashboard.data.known_values import KnownValues
from dashboard.data.view import read_view, with_fields
from dashboard.drawing.address_parts import FILTERED
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import aria, icon

__all__ = ["filter_box", "filter_line", "filter_words", "register_filter_box"]

_SIGNS: Mapping[Operator, tuple[str, ...]] = {
    Operator.IN: ("=", "!=", "in (", "not in ("),
    Operator.CONTAINS: ("~", "!~"),
    Operator.EXISTS: ("is null", "is not null"),
    **{operator: (str(operator),) for operator in ORDERED},
}
_FIRST = (Operator.IN, *sorted(ORDERED), Operator.CONTAINS, Operator.EXISTS)


def filter_words() -> list[dict[str, Any]]:
    """Return what may be written in a filter: names of fields, their signs and known values."""
    return [_words(field) for field in (*FIELDS, *FAMILIES)]


def _words(field: Field) -> dict[str, Any]:
    truth = ("true", "false") if field.type is FieldType.TRUTH else ()
    return {
        "name": field.name,
        "about": field.description,
        "signs": [sign for operator in _FIRST if operator in field.operators for sign in _SIGNS[operator]],
        "values": [f'"{value}"' for value in field.values] or list(truth),
    }


def filter_box() -> Any:
    """Return the box in the header; a script shows its proposals."""
    return html.Div(
        className="filter-box",
        role="search",
        children=[
            dcc.Store(id="filter-words", data=filter_words()),
            dcc.Store(id="filter-values"),
            dcc.Store(id="filter-focused"),
            dcc.Store(id="filter-entered"),
            dmc.TextInput(
                id="filter-text",
                value="",
                size="xs",
                placeholder="Filter, such as model = gpt-4o and quality < 0.5, or the id of a trace",
                leftSection=icon("filter"),
                spellCheck=False,
                autoComplete="off",
                **aria(label="Filter"),
            ),
            html.Div(id="filter-proposals"),
        ],
    )


def filter_line() -> Any:
    """Return the line below the header: what is wrong with the filter, and its parts."""
    return html.Div(
        className="filter-line",
        children=[
            html.Div(id="filter-problem", className="mistake", role="alert"),
            html.Div(id="filter-parts"),
        ],
    )


def _parts(found: list[FilterPart], path: str, search: str | None) -> Any:
    if not found:
        return None
    chips = [
        html.Li(
            [
                html.Code(part.text),
                dcc.Link(
                    [html.Span("Remove this condition", className="unseen"), icon("close")],
                    href=f"{path}{part.without}",
                    title="Remove this condition",
                ),
            ],
            className="part",
        )
        for part in found
    ]
    clear = dcc.Link("Clear the filter", href=f"{path}{with_fields(search, filter=None, before=None)}")
    return html.Ul([*chips, html.Li(clear)], className="parts", **aria(label="Conditions of the filter"))


def _said(error: InvalidParameter, text: str) -> list[Any]:
    said, position = mistake_of(error)
    shown = f"The filter cannot be read {said}"
    if position is None:
        return [shown]
    start = max(0, position - 1)
    return [
        shown,
        ": ",
        html.Code([text[max(0, start - 30) : start], html.Mark(text[start : start + 12] or " ")]),
    ]


def register_filter_box(dash: Dash, url: str, values: KnownValues) -> None:
    """Keep the address and the filter box equal, and answer what is entered."""
    answer_in_browser(
        dash, ClientsideFunction("filter", "show"), Output("filter-text", "value"), Input(url, "search")
    )

    answer_in_browser(
        dash,
        ClientsideFunction("filter", "know"),
        Input("filter-words", "data"),
        Input("filter-values", "data"),
    )

    @dash.callback(
        Output("filter-parts", "children"),
        Output("filter-problem", "children"),
        Input(FILTERED, "data"),
    )
    def show_parts(address: str | None) -> tuple[Any, Any]:
        path, _, search = (address or "").partition("?")
        try:
            return _parts(filter_parts(search), path, search), None
        except InvalidParameter as error:
            return None, _said(error, read_view(search).filter)

    _register_entering(dash, url)
    _register_proposals(dash, url, values)


def _register_entering(dash: Dash, url: str) -> None:
    @dash.callback(
        Output(url, "search", allow_duplicate=True),
        Output("filter-problem", "children", allow_duplicate=True),
        Input("filter-entered", "data"),
        State(url, "search"),
        prevent_initial_call=True,
    )
    def enter(entered: dict[str, Any] | None, search: str | None) -> tuple[Any, Any]:
        text = str((entered or {}).get("text", ""))
        try:
            return with_entered(search, text), None
        except InvalidParameter as error:
            return no_update, _said(error, text)


def _register_proposals(dash: Dash, url: str, values: KnownValues) -> None:
    @dash.callback(
        Output("filter-values", "data"),
        Input("filter-focused", "data"),
        State(url, "search"),
        prevent_initial_call=True,
    )
    async def offer_values(_: Any, search: str | None) -> Any:
        try:
            return await values.read(read_view(search))
        except (Overloaded, Unavailable):
            return no_update
