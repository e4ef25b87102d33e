"""The time picker: periods that end now, a start and an end, and the comparison with before."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, html

from dashboard.data.view import PERIODS
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import aria, icon
from dashboard.drawing.popup import popup

__all__ = ["register_time_picker", "time_picker"]


def time_picker() -> Any:
    """Return the button with the chosen time, and the panel where it is chosen."""
    return popup(
        "time",
        [icon("clock"), html.Span(id="time-label")],
        [
            html.H2("Until now"),
            dmc.SegmentedControl(
                id="period", data=list(PERIODS), size="xs", fullWidth=True, **aria(label="Time period")
            ),
            html.H2(["From and to ", html.Span(id="time-zone", className="remark")]),
            html.Div(className="moments", children=[_moment("from", "From"), _moment("to", "To")]),
            html.Div(id="time-problem", className="mistake", role="alert"),
            dmc.Button("Show this time", id="time-apply", size="xs", variant="default", n_clicks=0),
            dmc.Switch(id="compare", label="Compare to the period before", size="sm", checked=False),
        ],
        title="Choose the time",
    )


def _moment(name: str, label: str) -> Any:
    field = {"type": "datetime-local", "step": "60"}
    return dmc.TextInput(id=f"time-{name}", label=label, value="", size="xs", inputProps=field)


def register_time_picker(dash: Dash, url: str) -> None:
    """Keep the address and the time picker equal; the address decides."""
    answer_in_browser(
        dash,
        ClientsideFunction("time", "show"),
        Output("period", "value"),
        Output("time-label", "children"),
        Output("time-from", "value"),
        Output("time-to", "value"),
        Output("compare", "checked"),
        Output("time-zone", "children"),
        Input(url, "search"),
    )
    answer_in_browser(
        dash,
        ClientsideFunction("time", "choose"),
        Output(url, "search", allow_duplicate=True),
        Output("time-problem", "children"),
        Input("period", "value"),
        Input("time-apply", "n_clicks"),
        Input("compare", "checked"),
        State("period", "data"),
        State("time-from", "value"),
        State("time-to", "value"),
        State(url, "search"),
        prevent_initial_call=True,
    )
