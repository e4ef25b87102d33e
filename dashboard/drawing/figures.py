"""Charts: from data to a Plotly figure, and to the sentence that says the same to who cannot see it.

A figure is the JSON that Plotly draws, a plain dict: building it costs microseconds, and two that are
equal need no redrawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import groupby
from typing import Any, Literal, NamedTuple

from dashboard.drawing.formatting import UNKNOWN, clip, count, instant, percent, score
from dashboard.drawing.theme import FONT, Palette

__all__ = ["Bar", "Figure", "Point", "bars", "describe_bars", "describe_trend", "trend", "volume"]

Figure = dict[str, Any]
Unit = Literal["score", "share"]

_LONGEST_NAME = 26
_CLOCK_UP_TO = timedelta(days=1, hours=1)
_WHOLE_PERCENTS_FROM = 0.05  # below that, whole percents do not tell ticks apart
_FORMATS = {"score": ".2f", "share": ".1%"}
_WORDS = {"score": score, "share": percent}


class Point(NamedTuple):
    """One bucket of a trend: its start, how many records, the value, and the 10th, 50th, 90th percentile."""

    at: datetime
    records: int
    value: float | None
    p10: float | None = None
    p50: float | None = None
    p90: float | None = None


class Bar(NamedTuple):
    """One bar: what it counts, how much, and the text beside it."""

    name: str
    value: float
    text: str


def _layout(colors: Palette, **more: Any) -> Figure:
    axis = {
        "gridcolor": colors.grid,
        "linecolor": colors.grid,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
        "tickfont": {"color": colors.muted, "size": 11},
    }
    return {
        "font": {"family": FONT, "color": colors.text, "size": 12},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "hoverlabel": {"bgcolor": colors.surface, "bordercolor": colors.grid, "font": {"color": colors.text}},
        "showlegend": False,
        "xaxis": {**axis, "showgrid": False, **more.pop("xaxis", {})},
        "yaxis": {**axis, **more.pop("yaxis", {})},
        **more,
    }


def _literal(text: str) -> str:
    """Return a text as Plotly shows it: it reads labels as HTML, links among them."""
    return escape(text, quote=False)


def _fill(color: str, opacity: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _axis_of_time(points: Sequence[Point]) -> Figure:
    # The whole window, so that silence at its start or end is seen as silence.
    first, last = points[0].at, points[-1].at
    half = (last - first) / max(1, len(points) - 1) / 2
    return {
        "type": "date",
        "nticks": 7,
        "tickangle": 0,
        "tickformat": "%H:%M" if last - first <= _CLOCK_UP_TO else "%d %b",
        "hoverformat": "%Y-%m-%d %H:%M UTC",
        **({"range": [first - half, last + half]} if last > first else {"autorange": True}),
    }


def trend(points: Sequence[Point], *, name: str, unit: Unit, color: str, colors: Palette) -> Figure:
    """Return a line over time, with a band from the 10th to the 90th percentile where those are known.

    Buckets without records are gaps. Scores get the whole axis of 0..1; shares start at 0.
    """
    form = _FORMATS[unit]
    lines: list[Figure] = []
    if any(point.p10 is not None for point in points):
        lines += _percentiles(points, form, color)
    if unit == "share":
        lines.append(_area([(point.at, 0.0, point.value) for point in points], color, 0.12))
    lines.append(
        {
            "x": [point.at for point in points],
            "y": [point.value for point in points],
            "mode": "lines" if _has_neighbours(points) else "lines+markers",
            "line": {"color": color, "width": 2.5},
            "marker": {"size": 6},
            "name": _literal(name),
            "customdata": [count(point.records) for point in points],
            "hovertemplate": f"%{{y:{form}}} of %{{customdata}} records",
        }
    )
    time = _axis_of_time(points) if points else {}
    layout = _layout(colors, xaxis=time, yaxis=_axis_of_values(points, unit), hovermode="x unified")
    return {"data": lines, "layout": layout}


def _percentiles(points: Sequence[Point], form: str, color: str) -> list[Figure]:
    """Return the band from the 10th to the 90th percentile, and the median as a dotted line."""
    median = {
        "x": [point.at for point in points],
        "y": [point.p50 for point in points],
        "mode": "lines",
        "line": {"color": color, "width": 1.5, "dash": "dot"},
        "name": "median",
        "customdata": [[point.p10, point.p90] for point in points],
        "hovertemplate": f"%{{y:{form}}} (p10 %{{customdata[0]:{form}}}, p90 %{{customdata[1]:{form}}})",
    }
    return [_area([(point.at, point.p10, point.p90) for point in points], color, 0.18), median]


def _axis_of_values(points: Sequence[Point], unit: Unit) -> Figure:
    if unit == "score":
        return {"range": [0, 1.02], "tickformat": ".1f", "nticks": 6}
    top = max((point.value or 0 for point in points), default=0)
    return {
        "range": [0, min(1.02, max(0.01, 1.15 * top))],
        "tickformat": ".0%" if top >= _WHOLE_PERCENTS_FROM else ".1%",
        "nticks": 5,
    }


def _area(edges: Sequence[tuple[datetime, float | None, float | None]], color: str, opacity: float) -> Figure:
    """Return one closed outline per run of buckets with both edges, so that gaps stay open."""
    x: list[datetime | None] = []
    y: list[float | None] = []
    for known, run in groupby(edges, key=lambda edge: None not in edge):
        if known:
            there = list(run)
            back = there[::-1]
            x += [*(at for at, _, _ in there), *(at for at, _, _ in back), None]
            y += [*(low for _, low, _ in there), *(high for _, _, high in back), None]
    return {
        "x": x[:-1],
        "y": y[:-1],
        "mode": "lines",
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": _fill(color, opacity),
        "hoverinfo": "skip",
    }


def _has_neighbours(points: Sequence[Point]) -> bool:
    runs = groupby(points, key=lambda point: point.value is not None)
    return all(len(list(run)) > 1 for known, run in runs if known)


def volume(points: Sequence[Point], *, colors: Palette) -> Figure:
    """Return records per bucket as columns over time."""
    columns = {
        "type": "bar",
        "x": [point.at for point in points],
        "y": [point.records for point in points],
        "marker": {"color": colors.volume},
        "customdata": [count(point.records) for point in points],
        "hovertemplate": "%{customdata} records<extra></extra>",
    }
    axis = _axis_of_time(points) if points else {}
    scale = {"rangemode": "tozero", "nticks": 5, "tickformat": "~s"}
    return {"data": [columns], "layout": _layout(colors, xaxis=axis, yaxis=scale, bargap=0.15, hovermode="x")}


def bars(rows: Sequence[Bar], *, color: str, colors: Palette) -> Figure:
    """Return horizontal bars in the order given, the first on top, each with its text beside it."""
    names = [_literal(clip(row.name, _LONGEST_NAME)) for row in rows]
    top = max((row.value for row in rows), default=0)
    data = {
        "type": "bar",
        "orientation": "h",
        "y": list(range(len(rows))),
        "x": [row.value for row in rows],
        "text": [_literal(row.text) for row in rows],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": colors.text},
        "marker": {"color": color},
        "customdata": [_literal(row.name) for row in rows],
        "hovertemplate": "%{customdata}: %{text}<extra></extra>",
    }
    layout = _layout(
        colors,
        xaxis={"visible": False, "range": [0, 1.55 * top or 1]},
        yaxis={
            "showgrid": False,
            "tickmode": "array",
            "tickvals": list(range(len(rows))),
            "ticktext": names,
            "range": [max(len(rows), 3) - 0.5, -0.5],
            "tickfont": {"color": colors.text, "size": 12},
            "ticklen": 6,
            "tickcolor": "rgba(0,0,0,0)",
        },
        bargap=0.35,
    )
    return {"data": [data], "layout": layout}


def describe_trend(points: Sequence[Point], *, name: str, unit: Unit) -> str:
    """Return the last, lowest and highest value of a trend in words."""
    known = [(point.value, point.at) for point in points if point.value is not None]
    if not known:
        return f"{name}: no data."
    words = _WORDS[unit]
    (low, low_at), (high, high_at) = min(known), max(known)
    return (
        f"{name}: {words(known[-1][0])} at {instant(known[-1][1])}, lowest {words(low)} at {instant(low_at)}, "
        f"highest {words(high)} at {instant(high_at)}."
    )


def describe_bars(rows: Sequence[Bar], *, name: str) -> str:
    """Return the bars in words, in their order."""
    return f"{name}: {'; '.join(f'{row.name} {row.text}' for row in rows) or UNKNOWN}."
