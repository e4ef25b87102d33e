"""Models: which one should be used, and which version of a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from app.errors import InvalidParameter
from app.reports.models import ModelsReport, Subject, read_model_comparison
from app.storage.engine import Connection
from dashboard.data.sources import Sources
from dashboard.data.view import View, read_fields, with_fields
from dashboard.drawing.components import asking, card, chart
from dashboard.drawing.frame import URL
from dashboard.drawing.models import PATH, ModelsFound, models_parts
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores

__all__ = ["PAGE"]

_NAME = "models"
_LONGEST_NAME = 512
_FIRST, _SECOND = "models-first", "models-second"
_PARTS = {
    "notices": ("models-notices", "children"),
    "fields": ("models-fields", "children"),
    "names": (_FIRST, "data"),
    "second-names": (_SECOND, "data"),
    "first": (_FIRST, "value"),
    "second": (_SECOND, "value"),
    "verdict": ("models-verdict", "children"),
    "figures": ("models-figures", "children"),
    "quality": ("models-quality", "figure"),
    "quality-text": ("models-quality-text", "children"),
    "cost": ("models-cost", "figure"),
    "cost-text": ("models-cost-text", "children"),
    "table": ("models-table", "children"),
}


def _layout() -> Any:
    return [
        asking("Models", "Which should we use?"),
        *page_stores(_NAME),
        html.Div(id="models-notices", role="status"),
        html.Div(
            className="board costs",
            children=[
                html.Div(id="models-fields"),
                card(
                    "Two compared",
                    [
                        html.Div([_choice(_FIRST, "Compare"), _choice(_SECOND, "with")], className="two"),
                        html.Div(id="models-verdict", className="verdict", role="status"),
                        html.Div(id="models-figures"),
                        html.P(
                            "Differences are the first less the second, with confidence intervals: of twenty "
                            "such comparisons, at most one calls any difference real that is not. Models may "
                            "get different questions: filter by a template to compare them on the same ones.",
                            className="remark",
                        ),
                    ],
                ),
                _charts(),
                card("Side by side", [html.Div(id="models-table")], remark="most calls first"),
            ],
        ),
    ]


def _charts() -> Any:
    return html.Div(
        [
            card(
                "Quality",
                [chart("models-quality", height=230)],
                remark="95 % intervals",
                measure="quality",
                split="by:model",
            ),
            card(
                "Cost per call",
                [chart("models-cost", height=230)],
                remark="US dollars",
                measure="cost_per_call",
                split="by:model",
            ),
        ],
        className="halves",
    )


def _choice(name: str, label: str) -> Any:
    return dmc.Select(id=name, label=label, data=[], searchable=True, allowDeselect=False, size="xs")


def _register(dash: Dash, sources: Sources) -> None:
    queries = sources.queries

    async def read(view: View, fields: Mapping[str, str]) -> ModelsFound:
        chosen = queries.asked(view).chosen
        by: Subject = "template" if fields.get("by") == "template" else "model"
        named = [fields[name][:_LONGEST_NAME] for name in ("first", "second") if name in fields]
        pair = named if len(named) == 2 else []  # noqa: PLR2004 two are compared

        async def ask(connection: Connection, wanted: list[str]) -> ModelsReport:
            return await read_model_comparison(
                connection, chosen, by, wanted, looks=queries.looks, first_two=True
            )

        async def compare(connection: Connection) -> ModelsFound:
            try:
                return ModelsFound(await ask(connection, pair))
            except InvalidParameter:
                return ModelsFound(await ask(connection, []), " or ".join(pair))

        return await queries.figures(view.project_id, compare)

    keep_updated(
        dash,
        LivePage(
            name=_NAME,
            parts=_PARTS,
            read=read,
            draw=models_parts,
            fields=("by", "first", "second"),
            pushed=False,
            seconds=10,
        ),
    )
    _register_choice(dash)


def _register_choice(dash: Dash) -> None:
    @dash.callback(
        Output(URL, "search", allow_duplicate=True),
        Input(_FIRST, "value"),
        Input(_SECOND, "value"),
        State(_FIRST, "data"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    def choose(first: str | None, second: str | None, offered: list[str] | None, search: str | None) -> Any:
        known = read_fields(search)
        usual = (offered or [])[:2] == [first, second] and "first" not in known
        if not first or not second or usual or (known.get("first"), known.get("second")) == (first, second):
            return no_update
        return with_fields(search, first=first, second=second)


PAGE = Page(path=PATH, title="Models", icon="models", order=40, layout=_layout, register=_register)
