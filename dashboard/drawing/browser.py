"""Callbacks that run in the browser and do not ask the server."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash

__all__ = ["answer_in_browser"]


def answer_in_browser(dash: Dash, function: ClientsideFunction | str, *wiring: Any, **options: Any) -> None:
    """Let a JavaScript function, of `assets` or written out, compute outputs from inputs.

    `wiring` and `options` are the arguments of a Dash callback.
    """
    dash.clientside_callback(function, *wiring, **options)  # type: ignore[no-untyped-call]  # Dash declares no types
