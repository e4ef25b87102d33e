"""A button in the header that opens a small panel; the browser's own element, so keys work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

__all__ = ["popup"]


def popup(name: str, button: Any, panel: Sequence[Any], *, title: str) -> Any:
    """Return a button with a panel below it; `<name>` is its label and `<name>-panel` its content.

    It closes when Escape is pressed, when something beside it is chosen, and where an element of
    the class `closes` is chosen in it.
    """
    return html.Details(
        className="popup",
        children=[
            html.Summary(button, id=name, className="button", title=title),
            html.Div(panel, id=f"{name}-panel", className="panel"),
        ],
    )
