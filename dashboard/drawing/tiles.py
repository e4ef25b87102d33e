"""Figures above the fold: a value, what it is of, how it changed, and a small line over time."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard.drawing.components import aria

__all__ = ["figure_tile", "sparkline"]

_WIDTH, _HEIGHT = 120, 28
_MOST_POINTS = 240


def figure_tile(
    title: str,
    value: Any,
    remark: Any,
    *,
    name: str = "",
    change: Any = None,
    line: Any = None,
    more: Any = None,
) -> Any:
    """Return a tile with a title, a value, what it is of, a change, and a line over time.

    With a `name` its value is `<name>-value`, and what it is of `<name>-remark`.
    """
    return html.Div(
        className="card tile measure",
        role="group",
        children=[
            html.H2(title),
            html.Div(
                [html.Span(value, className="value", **_mark(name, "value")), line], className="measured"
            ),
            html.Div(change, className="remark") if change is not None else None,
            html.Div(remark, className="remark", **_mark(name, "remark")),
            html.Div(more, className="remark") if more is not None else None,
        ],
        **aria(label=title),
    )


def _mark(name: str, part: str) -> dict[str, Any]:
    return {"id": f"{name}-{part}"} if name else {}


def sparkline(values: Sequence[float | None], color: str) -> Any:
    """Return a decorative line over time, with gaps where values are unknown; None without two.

    The axis goes from the lowest to the highest value.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2 or len(values) > _MOST_POINTS:  # noqa: PLR2004 a single value is no line
        return None
    low, high = min(known), max(known)
    step = _WIDTH / (len(values) - 1)
    path, pen = [], "M"
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        height = 0.5 if high == low else (value - low) / (high - low)
        path.append(f"{pen}{place * step:.1f} {2 + (1 - height) * (_HEIGHT - 4):.1f}")
        pen = "L"
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f'<path d="{" ".join(path)}" fill="none" stroke="{color}" stroke-width="2" stroke-linecap="round"/></svg>'
    )
    return html.Img(
        src=f"data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()}",
        alt="",
        className="sparkline",
        width=_WIDTH,
        height=_HEIGHT,
    )
