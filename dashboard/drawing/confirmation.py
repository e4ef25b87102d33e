"""The question that is asked once before something is taken away; the address names what."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from dashboard.drawing.components import aria

__all__ = ["confirmation"]


def confirmation(section: str, question: str, action: str, keep: str) -> Any:
    """Return the question that is asked before something is taken away; `keep` is the way back."""
    return html.Div(
        [
            html.P(question),
            html.Button(action, id=f"{section}-confirm", className="plain danger"),
            dcc.Link("Keep it", href=keep, className="plain"),
        ],
        className="confirm",
        role="group",
        tabIndex="-1",
        **aria(label=question),
    )
