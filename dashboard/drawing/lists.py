"""Tables of a few hundred rows, which scroll sideways where the screen is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from dashboard.drawing.components import aria
from dashboard.drawing.formatting import instant

__all__ = ["facts", "listing", "moment"]


def listing(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> Any:
    """Return a table with a title for screen readers, or the sentence `empty` without rows.

    The first cell of a row names it. An empty head is read as "Actions".
    """
    if not rows:
        return html.P(empty, className="remark")
    named = [html.Th(head or html.Span("Actions", className="unseen"), scope="col") for head in heads]
    return html.Div(
        html.Table(
            [
                html.Caption(title, className="unseen"),
                html.Thead(html.Tr(named)),
                html.Tbody([_row(cells) for cells in rows]),
            ],
            className="listing",
        ),
        className="scrolled",
        role="region",
        tabIndex="0",
        **aria(label=title),
    )


def _row(cells: Sequence[Any]) -> Any:
    first, *rest = cells
    return html.Tr([html.Th(first, scope="row"), *(html.Td(cell) for cell in rest)])


def facts(pairs: Sequence[tuple[str, Any]]) -> Any:
    """Return names and values, one pair a line."""
    return html.Table(
        html.Tbody([html.Tr([html.Th(name, scope="row"), html.Td(value)]) for name, value in pairs]),
        className="facts",
    )


def moment(text: str) -> str:
    """Return a moment of the API's answers as date and time in UTC, to the second."""
    return instant(datetime.fromisoformat(text)).replace("T", " ").removesuffix("Z")
