"""Changing and removing the budget that the address of the page of costs names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from dash import Dash, Input, Output, State, ctx, no_update

from app.errors import InvalidRecord, MonitorError
from dashboard.data.listed import read_id
from dashboard.data.sources import Sources
from dashboard.data.view import read_fields, read_view, with_fields
from dashboard.drawing.address_parts import keep_part
from dashboard.drawing.browser import reveal_filled
from dashboard.drawing.budgets import budget_rows
from dashboard.drawing.components import notice
from dashboard.drawing.cost_forms import BUDGET_FIELDS, NAMED_BUDGET
from dashboard.drawing.frame import URL
from dashboard.drawing.refusals import refusals, refused

__all__ = ["register_budget_changes", "values_of"]

_CHANGED: Final = ("name", "amount_usd", "period", "time_zone")
"""The fields of a budget that can be changed; what it counts cannot."""
_SURE: Final = "Really remove it"


def values_of(budget: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the form for a budget as the API shows it."""
    return {name: "" if budget.get(name) is None else budget[name] for name in BUDGET_FIELDS}


def _chosen(search: str | None) -> UUID:
    """Return the budget that an address names; raises InvalidRecord without one."""
    found = read_id(read_fields(search).get("budget"))
    if found is None:
        raise InvalidRecord("Choose a budget first.")
    return found


def register_budget_changes(dash: Dash, sources: Sources) -> None:
    """Fill the form from the chosen budget, and change or remove it."""
    _register_filling(dash, sources)
    _register_acts(dash, sources)


def _register_filling(dash: Dash, sources: Sources) -> None:
    reveal_filled(dash, "budget")
    keep_part(dash, URL, NAMED_BUDGET, ("budget", "project"))

    @dash.callback(
        output={
            "values": {name: Output(f"budget-{name}", "value") for name in BUDGET_FIELDS},
            "about": Output("budget-about", "children"),
            "hidden": Output("budget-acts", "hidden"),
            "open": Output("budget-form", "open"),
            "sure": Output("budget-remove", "children"),
        },
        inputs={"search": Input(NAMED_BUDGET, "data")},
    )
    async def fill(search: str | None) -> dict[str, Any]:
        kept = {"values": dict.fromkeys(BUDGET_FIELDS, no_update), "open": no_update, "sure": "Remove it"}
        try:
            path = f"/budgets/{_chosen(search)}"
            budget = await sources.changes.send("GET", path, read_view(search).project_id)
        except InvalidRecord:
            return kept | {"about": None, "hidden": True}
        except MonitorError as error:
            return kept | {"about": error.detail, "hidden": True, "open": True}
        about = f"This is the budget {budget['name']}. What it counts cannot be changed."
        shown = {"values": values_of(budget), "about": about, "hidden": False, "open": True}
        return shown | {"sure": "Remove it"}


async def _act(
    sources: Sources, which: str, project: str, search: str | None, given: Mapping[str, Any]
) -> str:
    path = f"/budgets/{_chosen(search)}"
    if which == "budget-remove":
        await sources.changes.send("DELETE", path, project)
        return "The budget was removed. Its calls stay."
    body = {name: given[name] for name in _CHANGED if given[name] not in ("", None)}
    await sources.changes.send("PATCH", path, project, json=body)
    return "The budget was changed."


def _register_acts(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        output={
            "said": Output("budget-said", "children", allow_duplicate=True),
            "rows": Output("cost-budgets", "children", allow_duplicate=True),
            "errors": {
                name: Output(f"budget-{name}", "error", allow_duplicate=True) for name in BUDGET_FIELDS
            },
            "search": Output(URL, "search", allow_duplicate=True),
            "sure": Output("budget-remove", "children", allow_duplicate=True),
        },
        inputs={
            "_change": Input("budget-change", "n_clicks"),
            "_remove": Input("budget-remove", "n_clicks"),
            "sure": State("budget-remove", "children"),
            "given": {name: State(f"budget-{name}", "value") for name in BUDGET_FIELDS},
            "search": State(URL, "search"),
        },
        prevent_initial_call=True,
    )
    async def change(
        _change: int | None, _remove: int | None, sure: Any, given: dict[str, Any], search: str | None
    ) -> dict[str, Any]:
        which, project = str(ctx.triggered_id), read_view(search).project_id
        nothing = dict.fromkeys(BUDGET_FIELDS)
        kept = {"rows": no_update, "errors": nothing, "search": no_update, "sure": "Remove it"}
        if which == "budget-remove" and sure != _SURE:
            return kept | {"said": None, "sure": _SURE}
        try:
            told = await _act(sources, which, project, search, given)
        except MonitorError as error:
            errors, rest = refusals(error, BUDGET_FIELDS)
            return kept | {"said": refused(error, rest=rest), "errors": nothing | errors}
        queries = sources.queries
        left = await queries.read(project, lambda connection: queries.budgets(connection, project))
        after = with_fields(search, budget=None)
        rows = budget_rows(left, queries.clock(), after)
        said = notice("Done", told, color="teal", closable=True)
        return kept | {"said": said, "rows": rows, "search": after}
