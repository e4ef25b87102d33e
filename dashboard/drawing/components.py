"""Components that pages share: tiles, cards, icons, and attributes without a Dash argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from app.errors import MonitorError, Unavailable

__all__ = [
    "aria",
    "asking",
    "attributes",
    "card",
    "chart",
    "chart_links",
    "flag_name",
    "icon",
    "notice",
    "snippet",
    "tile",
    "unread",
]

# Without a figure, Plotly would draw white paper with axes until the first one comes.
_BLANK: Any = {
    "data": [],
    "layout": {
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    },
}
_PLOT: Any = {"displayModeBar": False, "responsive": True, "doubleClick": False}


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


def asking(title: str, question: str) -> Any:
    """Return the heading of a page, and the question that the page answers."""
    return html.Div([html.H1(title), html.P(question, className="remark")], className="asking")


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


def card(
    title: str, children: Sequence[Any], *, remark: Any = None, measure: str = "", split: str = ""
) -> Any:
    """Return a titled panel; with a `measure` it offers to keep what it shows (`chart_links`)."""
    links = [chart_links(measure, split)] if measure else []
    heading = html.Div([html.H2(title), html.Div(remark, className="remark"), *links], className="heading")
    return html.Section([heading, *children], className="card")


def chart_links(measure: str, split: str = "", *, where: str = "", boards: bool = True) -> Any:
    """Return the links that put a chart on a board, and that make an alert of its measure.

    `measure` is one of boards; `score` and `flagged` stand for the score and the flag that the page
    shows. `split` is a field, and `by:FIELD` the field that the address names as `by`, or else
    FIELD. The links carry the time and filter of the page (`assets/boards.js`), and the filter
    `where` of the chart itself.
    """
    by, _, usual = split.partition(":")
    chosen = {"data_measure": measure, "data_split": by, "data_usual": usual, "data_where": where}
    offered = [("/boards", "boards", "Put on a board")] if boards else []
    offered.append(("/alerts", "alerts", "Make an alert of this"))
    return html.Span(
        [
            html.A(
                icon(shape), href=path, title=title, **attributes(data_leads=path, aria_label=title, **chosen)
            )
            for path, shape, title in offered
        ],
        className="chart-links",
    )


def chart(name: str, *, height: int) -> Any:
    """Return a chart with a text for screen readers; `<name>` and `<name>-text` fill them.

    Below a chart over time stands what the point under the mouse says, and else the time zone.
    """
    return html.Figure(
        className="chart",
        children=[
            html.Div(
                dcc.Graph(
                    id=name, figure=_BLANK, config=_PLOT, style={"height": f"{height}px"}, responsive=True
                ),
                style={"minHeight": f"{height}px"},  # the page keeps its place while a chart loads
                **aria(hidden="true"),
            ),
            html.Div(className="readout", **aria(hidden="true")),
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
