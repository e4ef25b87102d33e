"""The button that pauses live updates, and lets them go on."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, html

from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import icon

__all__ = ["pause_button", "register_pause"]

_BUTTON = "pause"


def pause_button() -> Any:
    """Return the button; its class says whether updates are paused."""
    return html.Button(
        id=_BUTTON,
        className="button",
        type="button",
        n_clicks=0,
        children=[
            html.Span(
                [icon("pause"), html.Span("Pause live updates", className="unseen")], className="while-live"
            ),
            html.Span(
                [icon("play"), "Paused", html.Span(", continue live updates", className="unseen")],
                className="while-paused",
            ),
        ],
    )


def register_pause(dash: Dash, paused: str) -> None:
    """Let the button turn the store `paused` on and off."""
    answer_in_browser(
        dash,
        """clicks => [
            clicks % 2 === 1,
            clicks % 2 ? "button paused" : "button",
            clicks % 2 ? "Continue live updates" : "Pause live updates",
        ]""",
        Output(paused, "data"),
        Output(_BUTTON, "className"),
        Output(_BUTTON, "title"),
        Input(_BUTTON, "n_clicks"),
    )
