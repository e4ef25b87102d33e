"""Callbacks that a browser answers by itself, without asking the server."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash

__all__ = ["answer_in_browser"]


def answer_in_browser(dash: Dash, function: ClientsideFunction | str, *wiring: Any, **options: Any) -> None:
    """Let a function of `assets`, or one written out, draw outputs from inputs and states.

    `wiring` and `options` are those of a callback of Dash.
    """
    dash.clientside_callback(function, *wiring, **options)  # type: ignore[no-untyped-call]  # Dash declares no types
