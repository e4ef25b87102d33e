"""Charts of values with their confidence intervals, one row for each name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dashboard.drawing.figures import Bar, Figure, bars
from dashboard.drawing.theme import Palette

__all__ = ["Range", "ranges"]


class Range(NamedTuple):
    """A value with the bounds of its interval, and the text that tells both."""

    name: str
    value: float
    low: float
    high: float
    text: str


def ranges(rows: Sequence[Range], *, color: str, colors: Palette) -> Figure:
    """Return one dot for each row, in the given order from the top, with a line for its bounds."""
    found = bars([Bar(row.name, row.value, row.text) for row in rows], color=color, colors=colors)
    (line,) = found["data"]
    top = max((row.high for row in rows), default=0) or 1
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": line["x"],
        "y": line["y"],
        "customdata": line["customdata"],
        "text": line["text"],
        "hoverinfo": line["hoverinfo"],
        "marker": {"color": color, "size": 9},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [row.high - row.value for row in rows],
            "arrayminus": [row.value - row.low for row in rows],
            "color": color,
            "thickness": 2,
            "width": 5,
        },
    }
    told = {
        "type": "scatter",
        "mode": "text",
        "x": [row.high + 0.03 * top for row in rows],
        "y": line["y"],
        "text": line["text"],
        "textposition": "middle right",
        "textfont": {"color": colors.text},
        "hoverinfo": "skip",
        "cliponaxis": False,
    }
    layout = found["layout"]
    layout["xaxis"] = {**layout["xaxis"], "range": [0, 1.5 * top]}
    return {"data": [dots, told], "layout": layout}
