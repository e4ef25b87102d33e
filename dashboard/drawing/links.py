"""Links that show a part of the data: bars that lead to their calls, and choices of an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from dash import dcc, html

from dashboard.data.view import with_fields
from dashboard.drawing.components import aria
from dashboard.drawing.formatting import clip

__all__ = ["TRACE_PAGES", "LinkedBar", "choices", "linked_bars", "trace_address"]

TRACE_PAGES = "/traces/"
"""What the address of the page of one trace begins with; its id follows."""
_LONGEST_NAME = 80
_ALONE: dict[str, str | None] = {"with": None}


class LinkedBar(NamedTuple):
    """One bar: its name, its value, the text beside it, and the address that shows its calls.

    A value of None has no bar. An empty address makes no link. `about` explains the name.
    """

    name: str
    value: float | None
    text: str
    href: str = ""
    about: str = ""


def trace_address(path: str | None, search: str | None, trace_id: UUID) -> str:
    """Return the address that shows a trace as a page does: in the drawer, or by itself."""
    if (path or "").startswith(TRACE_PAGES):
        return f"{TRACE_PAGES}{trace_id}{with_fields(search, trace=None, **_ALONE)}"
    return f"{path or '/'}{with_fields(search, trace=str(trace_id), **_ALONE)}"


def linked_bars(rows: Sequence[LinkedBar], *, nothing: str, kind: str) -> Any:
    """Return bars with links, in the order given, or a sentence where there are none.

    `kind` (quality, safety, cost or volume) chooses the colour.
    """
    if not rows:
        return html.P(nothing, className="remark")
    top = max((row.value or 0.0 for row in rows), default=0.0) or 1.0
    return html.Ul([_line(row, top) for row in rows], className=f"bars {kind}")


def _line(row: LinkedBar, top: float) -> Any:
    shown = clip(row.name, _LONGEST_NAME)
    title = row.about or row.name
    name = (
        dcc.Link(shown, href=row.href, title=title, className="name")
        if row.href
        else html.Span(shown, title=title, className="name")
    )
    width = 0.0 if row.value is None else max(0.0, row.value / top)
    bar = html.Span(
        html.Span(style={"width": f"{100 * width:.1f}%"}), className="length", **aria(hidden="true")
    )
    return html.Li([name, html.Span(row.text, className="number"), bar])


def choices(label: str, offered: Sequence[tuple[str, str]], chosen: str) -> Any:
    """Return links of which one is chosen; `offered` are names and addresses."""
    return html.Nav(
        [
            html.Span(name, **aria(current="true")) if name == chosen else dcc.Link(name, href=href)
            for name, href in offered
        ],
        className="choices",
        **aria(label=label),
    )
