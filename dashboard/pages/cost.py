"""Cost: who spends what, and what comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from dashboard.data.costs import FIELDS, METADATA, CostFound, read_costs
from dashboard.data.sources import Sources
from dashboard.data.view import View, with_fields
from dashboard.drawing.components import asking, card, chart, tile
from dashboard.drawing.cost import PATH, cost_parts
from dashboard.drawing.cost_forms import budget_form, price_form
from dashboard.drawing.frame import URL
from dashboard.money_changes import register_money_changes
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores

__all__ = ["PAGE"]

_NAME = "cost"
_KEY = "cost-key"
_LONGEST_KEY = 256
_TILES = {
    "cost-spent": "Spent",
    "cost-next": "Next month",
    "cost-good": "Per good answer",
    "cost-budget": "Tightest budget",
}
_PARTS = {
    "notices": ("cost-notices", "children"),
    **{
        f"{name.removeprefix('cost-')}-{part}": (f"{name}-{part}", "children")
        for name in _TILES
        for part in ("value", "remark")
    },
    "trend": ("cost-trend", "figure"),
    "trend-text": ("cost-trend-text", "children"),
    "split": ("cost-split", "children"),
    "month": ("cost-month", "children"),
    "fields": ("cost-fields", "children"),
    "groups": ("cost-groups", "children"),
    "budgets": ("cost-budgets", "children"),
    "savings": ("cost-savings", "children"),
    "unpriced": ("cost-unpriced", "children"),
    "names": ("price-model", "data"),
}


def _layout() -> Any:
    return [
        asking("Cost", "Who spends what, and what comes?"),
        *page_stores(_NAME),
        html.Div(id="cost-notices", role="status"),
        html.Div(
            className="board costs",
            children=[
                html.Div([tile(name, title) for name, title in _TILES.items()], className="tiles"),
                html.Div(
                    [
                        card(
                            "Over time",
                            [chart("cost-trend", height=210), html.P(id="cost-split", className="remark")],
                            remark="US dollars",
                            measure="cost",
                        ),
                        card("What comes", [html.Div(id="cost-month")], remark="all calls of the project"),
                    ],
                    className="pair",
                ),
                card(
                    "Who spends", [_by(), html.Div(id="cost-groups")], measure="cost", split=f"by:{FIELDS[0]}"
                ),
                html.Div(
                    [
                        card("Savings", [html.Div(id="cost-savings")], remark="the largest first"),
                        card("Budgets", [html.Div(id="cost-budgets"), budget_form()]),
                    ],
                    className="pair",
                ),
                card("Unknown prices", [html.P(id="cost-unpriced"), price_form()]),
            ],
        ),
    ]


def _by() -> Any:
    key = dmc.TextInput(
        id=_KEY,
        placeholder="key of the metadata, such as team",
        value="",
        debounce=True,  # the key is told together with the Enter that ends it
        size="xs",
        **{"aria-label": "Key of the metadata"},
    )
    button = dmc.Button("Group", id=f"{_KEY}-group", size="xs", variant="default")
    return html.Div([html.Div(id="cost-fields"), html.Div([key, button], className="key")], className="by")


def _register(dash: Dash, sources: Sources) -> None:
    async def read(view: View, fields: Mapping[str, str]) -> CostFound:
        return await read_costs(sources.queries, view, fields)

    keep_updated(
        dash,
        LivePage(
            name=_NAME, parts=_PARTS, read=read, draw=cost_parts, fields=("by",), pushed=False, seconds=10
        ),
    )
    register_money_changes(dash, sources)

    @dash.callback(
        Output(URL, "search", allow_duplicate=True),
        Input(f"{_KEY}-group", "n_clicks"),
        Input(_KEY, "n_submit"),
        State(_KEY, "value"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    def group(_clicks: int | None, _entered: int | None, key: str | None, search: str | None) -> Any:
        named = (key or "").strip().removeprefix(METADATA)[:_LONGEST_KEY]
        return with_fields(search, by=f"{METADATA}{named}") if named else no_update


PAGE = Page(path=PATH, title="Cost", icon="cost", order=30, layout=_layout, register=_register)
