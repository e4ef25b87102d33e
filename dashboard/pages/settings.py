"""Settings: what this project decides, who may enter, and where every record went."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard.data.sources import Sources
from dashboard.data.view import read_fields
from dashboard.drawing.components import aria, asking
from dashboard.drawing.frame import URL
from dashboard.page import Page
from dashboard.settings.section import PATH, keep_shown, link, section_parts
from dashboard.settings.sections import SECTIONS

__all__ = ["PAGE"]

_BY_NAME = {section.name: section for section in SECTIONS}


def _layout() -> Any:
    return [
        asking("Settings", "What does this project decide?"),
        dcc.Store(id="settings-open"),
        html.Div(
            [
                html.Nav(id="settings-menu", className="settings-menu", **aria(label="Settings")),
                html.Div(id="settings-section", className="setting"),
            ],
            className="settings",
        ),
    ]


def _menu(search: str, opened: str) -> list[Any]:
    return [
        dmc.Anchor(
            section.title,
            href=link(search, section.name),
            underline="never",
            **(aria(current="page") if section.name == opened else {}),
        )
        for section in SECTIONS
    ]


def _register(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        Output("settings-menu", "children"),
        Output("settings-section", "children"),
        Output("settings-open", "data"),
        Input(URL, "search"),
        State("settings-open", "data"),
    )
    def choose(search: str | None, opened: str | None) -> tuple[Any, Any, Any]:
        section = _BY_NAME.get(read_fields(search).get("section", ""), SECTIONS[0])
        menu = _menu(search or "", section.name)
        if section.name == opened:
            return menu, no_update, no_update
        return menu, section_parts(section), section.name

    for section in SECTIONS:
        keep_shown(dash, sources, section)
        section.register(dash, sources)


PAGE = Page(path=PATH, title="Settings", icon="settings", order=100, layout=_layout, register=_register)
