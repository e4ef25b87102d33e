"""Callbacks that run in the browser and do not ask the server."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input

__all__ = ["answer_in_browser", "reveal_filled"]


def answer_in_browser(dash: Dash, function: ClientsideFunction | str, *wiring: Any, **options: Any) -> None:
    """Let a JavaScript function, of `assets` or written out, compute outputs from inputs.

    `wiring` and `options` are the arguments of a Dash callback.
    """
    dash.clientside_callback(function, *wiring, **options)  # type: ignore[no-untyped-call]  # Dash declares no types


def reveal_filled(dash: Dash, form: str) -> None:
    """Scroll to `<form>-form` when its sentence `<form>-about` tells what it was filled with."""
    answer_in_browser(
        dash,
        f"about => {{ if (about) document.getElementById('{form}-form')?.scrollIntoView() }}",
        Input(f"{form}-about", "children"),
        prevent_initial_call=True,
    )
