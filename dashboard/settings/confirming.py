"""Taking something away that the address names, once a person has confirmed it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dash import Dash, Input, Output, State, no_update

from app.errors import MonitorError
from dashboard.data.sources import Sources
from dashboard.data.view import read_view, with_fields
from dashboard.drawing.components import notice
from dashboard.drawing.frame import URL
from dashboard.drawing.refusals import refused
from dashboard.settings.section import Asked, Section

__all__ = ["confirms"]


def confirms(
    dash: Dash, sources: Sources, section: Section, act: Callable[[Sources, Asked], Awaitable[str]]
) -> None:
    """Add the callback of the button of `drawing.confirmation`.

    `act` does what the address names, and returns the sentence that says so.
    """
    name = section.name

    @dash.callback(
        Output(f"{name}-said", "children", allow_duplicate=True),
        Output(URL, "search", allow_duplicate=True),
        Input(f"{name}-confirm", "n_clicks"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    async def confirm(clicks: int | None, search: str | None) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        try:
            told = await act(sources, Asked(read_view(search), section.fields_of(search)))
        except MonitorError as error:
            return refused(error), no_update
        return notice("Done", told, color="teal", closable=True), with_fields(
            search, **dict.fromkeys(section.fields)
        )
