"""What people change on the page of costs: budgets and prices, through the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, no_update

from app.errors import MonitorError
from dashboard.budget_changes import register_budget_changes
from dashboard.data.sources import Sources
from dashboard.data.view import read_view
from dashboard.drawing.budgets import budget_rows
from dashboard.drawing.components import notice
from dashboard.drawing.cost_forms import BUDGET_FIELDS, PRICE_FIELDS, price_of
from dashboard.drawing.frame import URL, ZONE
from dashboard.drawing.refusals import refusals, refused

__all__ = ["budget_of", "register_money_changes"]


def register_money_changes(dash: Dash, sources: Sources) -> None:
    """Add the callbacks of both forms."""
    _register_budgets(dash, sources)
    register_budget_changes(dash, sources)
    _register_prices(dash, sources)


def _register_budgets(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        output={
            "said": Output("budget-said", "children"),
            "rows": Output("cost-budgets", "children", allow_duplicate=True),
            "errors": {name: Output(f"budget-{name}", "error") for name in BUDGET_FIELDS},
        },
        inputs={
            "_clicks": Input("budget-save", "n_clicks"),
            "given": {name: State(f"budget-{name}", "value") for name in BUDGET_FIELDS},
            "zone": State(ZONE, "data"),
            "search": State(URL, "search"),
        },
        prevent_initial_call=True,
    )
    async def make_budget(
        _clicks: int | None, given: dict[str, Any], zone: str | None, search: str | None
    ) -> dict[str, Any]:
        project = read_view(search).project_id
        nothing = dict.fromkeys(BUDGET_FIELDS)
        try:
            await sources.changes.send("POST", "/budgets", project, json=budget_of(given, zone))
        except MonitorError as error:
            errors, rest = refusals(error, BUDGET_FIELDS)
            return {"said": refused(error, rest=rest), "rows": no_update, "errors": nothing | errors}
        queries = sources.queries
        made = await queries.read(project, lambda connection: queries.budgets(connection, project))
        said = notice("The budget was made", "It counts from the beginning of its period.", color="teal")
        return {"said": said, "rows": budget_rows(made, queries.clock(), search or ""), "errors": nothing}


def _register_prices(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        output={
            "said": Output("price-said", "children"),
            "errors": {name: Output(f"price-{name}", "error") for name in PRICE_FIELDS},
        },
        inputs={
            "_clicks": Input("price-save", "n_clicks"),
            "given": {name: State(f"price-{name}", "value") for name in PRICE_FIELDS},
            "search": State(URL, "search"),
        },
        prevent_initial_call=True,
    )
    async def set_price(_clicks: int | None, given: dict[str, Any], search: str | None) -> dict[str, Any]:
        nothing = dict.fromkeys(PRICE_FIELDS)
        project = read_view(search).project_id
        try:
            await sources.changes.send("POST", "/prices", project, json={"prices": [price_of(given)]})
        except MonitorError as error:
            errors, rest = refusals(error, PRICE_FIELDS)
            return {"said": refused(error, rest=rest), "errors": nothing | errors}
        told = "New calls have this price within seconds. Earlier ones are priced in the background."
        return {"said": notice("The price was set", told, color="teal"), "errors": nothing}


def budget_of(given: Mapping[str, Any], zone: str | None) -> dict[str, Any]:
    """Return the body of POST /budgets for what was typed, by default in the browser's zone."""
    body = {name: value for name, value in given.items() if value not in ("", None)}
    return {"time_zone": zone or "UTC"} | body
