"""Charts: Plotly figures made of data, and sentences that say the same for screen readers.

A figure is a plain dict, the JSON that Plotly draws. Building one takes microseconds, and equal
figures need not be drawn again.

Dragging over a chart whose x axis is of type date sets the time of the page, if the axis is not
fixed, and a double click goes back to the time before. This happens in the browser
(`assets/time.js`), without a callback of the page. What a point or a bar says stands below its
chart, where it covers nothing: it is the `customdata`, and text, not markup. Bars that lead
somewhere are links, and those are in `dashboard/drawing/links.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import groupby
from typing import Any, Literal, NamedTuple

from dashboard.drawing.formatting import UNKNOWN, clip, count, instant, money, percent, score, zone_name
from dashboard.drawing.theme import FONT, Palette

__all__ = [
    "Bar",
    "Figure",
    "Point",
    "amounts",
    "bars",
    "describe_bars",
    "describe_trend",
    "point_texts",
    "trend",
    "volume",
]

Figure = dict[str, Any]
Unit = Literal["score", "share"]

_LONGEST_NAME = 26
_CLOCK_UP_TO = timedelta(days=1, hours=1)
_WHOLE_PERCENTS_FROM = 0.05  # below, neighbouring ticks would show the same whole percent
_SHORTEST_DAY = timedelta(hours=23)  # where clocks are put forward
_WORDS = {"score": score, "share": percent}


class Point(NamedTuple):
    """One bucket of a trend: start, number of records, value, and 10th, 50th, 90th percentile."""

    at: datetime
    records: int
    value: float | None
    p10: float | None = None
    p50: float | None = None
    p90: float | None = None


class Bar(NamedTuple):
    """One bar: what it counts, its value, and the text beside it."""

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
        "plot_bgcolor": colors.surface,  # also the edge of the line at a point
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "xaxis": {**axis, "showgrid": False, **more.pop("xaxis", {})},
        "yaxis": {**axis, **more.pop("yaxis", {})},
        **more,
    }


def _literal(text: str) -> str:
    """Return a text so that Plotly shows it literally, since Plotly reads labels as HTML."""
    return escape(text, quote=False)


def _fill(color: str, opacity: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _over_time(points: Sequence[Point], colors: Palette, **more: Any) -> Figure:
    """Return the layout of a chart over time, which says in which zone its times are."""
    axis, zone = (_axis_of_time(points, colors), zone_name(points[0].at)) if points else ({}, "")
    return _layout(colors, xaxis=axis, hovermode="x", meta={"zone": zone}, **more)


def _axis_of_time(points: Sequence[Point], colors: Palette) -> Figure:
    # The axis shows the whole period, so that a time without records at either end is seen.
    first, last = points[0].at, points[-1].at
    half = (last - first) / max(1, len(points) - 1) / 2
    return {
        "type": "date",
        "fixedrange": False,  # a range that is dragged becomes the time of the page
        "nticks": 7,
        "tickangle": 0,
        "tickformat": "%H:%M" if last - first <= _CLOCK_UP_TO else "%d %b",
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "data",
        "spikedash": "solid",
        "spikethickness": 1,
        "spikecolor": colors.muted,
        **({"range": [first - half, last + half]} if last > first else {"autorange": True}),
    }


def trend(points: Sequence[Point], *, name: str, unit: Unit, color: str, colors: Palette) -> Figure:
    """Return a line over time, with a band from the 10th to the 90th percentile if known.

    Buckets without records are gaps. The axis of scores goes from 0 to 1; that of shares starts at
    0.
    """
    lines: list[Figure] = []
    if any(point.p10 is not None for point in points):
        lines += _percentiles(points, color)
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
            **point_texts([_said_of(point, name, unit) for point in points], points),
        }
    )
    return {"data": lines, "layout": _over_time(points, colors, yaxis=_axis_of_values(points, unit))}


def point_texts(texts: Sequence[str], points: Sequence[Point]) -> Figure:
    """Return the properties of a line with what each point says after its moment."""
    days = len(points) > 1 and points[1].at - points[0].at >= _SHORTEST_DAY
    form = "%d %b %Y" if days else "%d %b %H:%M"
    said = [f"{point.at:{form}}: {text}" for point, text in zip(points, texts, strict=True)]
    return {"customdata": said, "hoverinfo": "none"}


def _calls(records: int) -> str:
    return "1 call" if records == 1 else f"{count(records)} calls"


def _said_of(point: Point, name: str, unit: Unit) -> str:
    words = _WORDS[unit]
    said = f"{name} {words(point.value)} of {_calls(point.records)}"
    if point.p10 is None:
        return said
    spread = f"a tenth below {words(point.p10)}, a tenth above {words(point.p90)}"
    return f"{said}; median {words(point.p50)}, {spread}"


def _percentiles(points: Sequence[Point], color: str) -> list[Figure]:
    """Return the band from the 10th to the 90th percentile, and the median as a dotted line."""
    median = {
        "x": [point.at for point in points],
        "y": [point.p50 for point in points],
        "mode": "lines",
        "line": {"color": color, "width": 1.5, "dash": "dot"},
        "name": "median",
        "hoverinfo": "skip",
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
    """Return one closed outline for each run of buckets with both edges; gaps stay open."""
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
    """Return a column chart of records per bucket."""
    columns = {
        "type": "bar",
        "x": [point.at for point in points],
        "y": [point.records for point in points],
        "marker": {"color": colors.volume},
        **point_texts([_calls(point.records) for point in points], points),
    }
    scale = {"rangemode": "tozero", "nticks": 5, "tickformat": "~s"}
    return {"data": [columns], "layout": _over_time(points, colors, yaxis=scale, bargap=0.15)}


def amounts(points: Sequence[Point], *, colors: Palette) -> Figure:
    """Return a column chart of US dollars per bucket."""
    columns = {
        "type": "bar",
        "x": [point.at for point in points],
        "y": [point.value for point in points],
        "marker": {"color": colors.cost},
        **point_texts([f"{money(point.value)} for {_calls(point.records)}" for point in points], points),
    }
    scale = {"rangemode": "tozero", "nticks": 5, "tickprefix": "$"}
    return {"data": [columns], "layout": _over_time(points, colors, yaxis=scale, bargap=0.15)}


def bars(rows: Sequence[Bar], *, color: str, colors: Palette) -> Figure:
    """Return horizontal bars in the given order from the top, each with its text beside it."""
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
        "customdata": [f"{row.name}: {row.text}" for row in rows],
        "hoverinfo": "none",
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
