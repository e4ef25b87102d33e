"""Components that pages share: tiles, cards, icons, and attributes without a Dash argument."""

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
    """Return a decorative icon of assets/icons in the colour of the text around it."""
    return html.Span(
        className=f"icon {className}".strip(),
        style={"--shape": f"url(/assets/icons/{name}.svg)"},
        **aria(hidden="true"),
    )


def tile(name: str, title: str) -> Any:
    """Return a tile with title, figure and remark; `<name>-value` and `<name>-remark` fill it."""
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
    """Return a chart with a text for screen readers; `<name>` and `<name>-text` fill them."""
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
    """Return a message that screen readers announce; a `closable` one has a close button."""
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
    """Return a message that something could not be read, with the reason and then `more`."""
    title = "Postgres does not answer" if type(error) is Unavailable else error.title
    return notice(title, f"{error.detail} {more}".strip())


def snippet(code: str) -> Any:
    """Return code with a button that copies it."""
    copy = dmc.CopyButton(value=code, children="Copy", copiedChildren="Copied", size="compact-xs")
    return html.Div([html.Pre(html.Code(code)), html.Div(copy, className="copy")], className="snippet")


def flag_name(flag: str) -> str:
    """Return a flag as people write it: pii_leak is PII leak."""
    words = flag.replace("_", " ").replace("pii", "PII")
    return words[:1].upper() + words[1:]
