"""Links to pages that keep what applies to every page; the browser writes them anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html

from dashboard.data.view import KEPT
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import icon
from dashboard.page import Page

__all__ = ["navigation", "register_navigation"]

_LINK = "page-link"


def navigation(pages: Sequence[Page]) -> Any:
    """Return a link to each page that is not below another."""
    links = [
        dmc.NavLink(
            id={"type": _LINK, "path": page.path},
            label=page.title,
            href=page.path,
            leftSection=icon(page.icon),
            variant="light",
        )
        for page in pages
        if not page.is_below
    ]
    return html.Div([dcc.Store(id="kept-fields", data=sorted(KEPT)), *links], id="navigation")


def register_navigation(dash: Dash, url: str) -> None:
    """Let the links keep the period, the filter and the like, and mark that of the current page."""
    every = {"type": _LINK, "path": ALL}
    answer_in_browser(
        dash,
        ClientsideFunction("address", "link"),
        Output(every, "href"),
        Output(every, "active"),
        Input(url, "pathname"),
        Input(url, "search"),
        State(every, "id"),
        State("kept-fields", "data"),
    )
