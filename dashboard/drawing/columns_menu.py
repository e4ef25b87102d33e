"""The menu that chooses the columns of a list of traces. The address keeps the choice."""

from __future__ import annotations

from typing import Any, Final

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, html, no_update

from dashboard.data.listed import DEFAULT_COLUMNS, MOST_COLUMNS, read_columns
from dashboard.data.view import read_fields
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.trace_columns import OFFERED, column_definitions

__all__ = ["columns_menu", "register_columns"]

_CHOSEN: Final = "columns-chosen"
_PINNED: Final = "columns-pinned"


def columns_menu() -> Any:
    """Return the button that folds out the choice of columns."""
    return html.Details(
        [
            html.Summary("Columns", className="quiet-button"),
            html.Div(
                [
                    dmc.TagsInput(
                        id=_CHOSEN,
                        label="Columns, in this order",
                        description="Any field of a filter, such as metadata.team or score.relevance.",
                        data=list(OFFERED),
                        value=list(DEFAULT_COLUMNS),
                        maxTags=MOST_COLUMNS,
                        clearable=True,
                    ),
                    dmc.Switch(id=_PINNED, label="Keep the first column in place", size="xs", mt="sm"),
                ],
                className="card columns-menu",
            ),
        ],
        className="columns",
    )


def register_columns(dash: Dash, table: str, url: str) -> None:
    """Let the address decide the columns of a table, and the menu the address."""
    answer_in_browser(
        dash,
        ClientsideFunction("traces", "chooseColumns"),
        Output(url, "search", allow_duplicate=True),
        Input(_CHOSEN, "value"),
        Input(_PINNED, "checked"),
        State(url, "search"),
        prevent_initial_call=True,
    )

    @dash.callback(
        Output(table, "columnDefs"),
        Output(_CHOSEN, "value"),
        Output(_PINNED, "checked"),
        Input(url, "search"),
        State(table, "columnDefs"),
    )
    def show_columns(search: str | None, drawn: Any) -> tuple[Any, Any, Any]:
        fields = read_fields(search)
        columns, pinned = read_columns(fields.get("columns")), "pinned" in fields
        defined = column_definitions(columns, pinned=pinned)
        # Columns that are defined again would lose the widths that a person gave them.
        return no_update if drawn == defined else defined, list(columns), pinned
