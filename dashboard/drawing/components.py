"""Building blocks that pages share: tiles, cards, icons, and the attributes Dash has no argument for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from app.errors import MonitorError, Unavailable

__all__ = ["aria", "attributes", "card", "chart", "flag_name", "icon", "notice", "snippet", "tile", "unread"]

_PLOT: Any = {"displayModeBar": False, "responsive": True, "doubleClick": "reset"}


def attributes(**values: str) -> dict[str, Any]:
    """Return HTML attributes with hyphens for underscores, such as data-state."""
    return {name.replace("_", "-"): value for name, value in values.items()}


def aria(**values: str) -> dict[str, Any]:
    """Return aria attributes by their names without the prefix."""
    return {f"aria-{name}": value for name, value in values.items()}


def icon(name: str, *, className: str = "") -> Any:  # noqa: N803 the name Dash uses
    """Return a drawing of assets/icons in the colour of the text around it; it says nothing by itself."""
    return html.Span(
        className=f"icon {className}".strip(),
        style={"--shape": f"url(/assets/icons/{name}.svg)"},
        **aria(hidden="true"),
    )


def tile(name: str, title: str) -> Any:
    """Return a figure with a title above and a remark below, filled through `<name>-value` and `-remark`."""
    return html.Div(
        className="card tile",
        role="group",
        children=[
            html.H2(title, id=f"{name}-title"),
            html.Div("–", id=f"{name}-value", className="value"),  # noqa: RUF001 the sign for unknown
            html.Div(id=f"{name}-remark", className="remark"),
        ],
        **aria(labelledby=f"{name}-title"),
    )


def card(title: str, children: Sequence[Any], *, remark: Any = None) -> Any:
    """Return a titled panel."""
    heading = html.Div([html.H2(title), html.Div(remark, className="remark")], className="heading")
    return html.Section([heading, *children], className="card")


def chart(name: str, *, height: int) -> Any:
    """Return a chart with a text for those who cannot see it, filled through `<name>` and `<name>-text`."""
    return html.Figure(
        className="chart",
        children=[
            html.Div(
                dcc.Graph(id=name, config=_PLOT, style={"height": f"{height}px"}, responsive=True),
                **aria(hidden="true"),
            ),
            html.Figcaption(id=f"{name}-text", className="unseen"),
        ],
    )


def notice(title: str, text: Any, *, color: str = "red", closable: bool = False) -> Any:
    """Return a message that readers are told about at once; a `closable` one can be put away."""
    return dmc.Alert(
        text,
        title=title,
        color=color,
        variant="light",
        icon=icon("warning"),
        mb="md",
        withCloseButton=closable,
        closeButtonLabel="Close",
    )


def unread(error: MonitorError, more: str = "") -> Any:
    """Return the message that something could not be read, and why; `more` follows it."""
    title = "Postgres does not answer" if type(error) is Unavailable else error.title
    return notice(title, f"{error.detail} {more}".strip())


def snippet(code: str) -> Any:
    """Return code that a press of a button copies."""
    copy = dmc.CopyButton(value=code, children="Copy", copiedChildren="Copied", size="compact-xs")
    return html.Div([html.Pre(html.Code(code)), html.Div(copy, className="copy")], className="snippet")


def flag_name(flag: str) -> str:
    """Return a flag as people write it: pii_leak is PII leak."""
    words = flag.replace("_", " ").replace("pii", "PII")
    return words[:1].upper() + words[1:]
