"""The figure of a chart on a board: one line for each value, in the unit of the measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.figures.charted import ChartMeasure, Unit
from app.reports.charted import Charted, Line
from dashboard.drawing.figures import Figure, Point, point_texts, trend
from dashboard.drawing.formatting import UNKNOWN, clip, count, instant, milliseconds, money, percent, score
from dashboard.drawing.theme import Palette

__all__ = ["board_figure", "describe_lines", "line_colors", "name_of", "value_text"]

_WORDS: Final[Mapping[Unit, Callable[[Any], str]]] = {
    "calls": count,
    "tokens": count,
    "usd": money,
    "ms": milliseconds,
    "score": score,
    "share": percent,
}
_AXES: Final[Mapping[Unit, Figure]] = {
    "calls": {"tickformat": "~s"},
    "tokens": {"tickformat": "~s"},
    "usd": {"tickprefix": "$", "tickformat": ",~g"},
    "ms": {"tickformat": ",~g", "ticksuffix": " ms"},
    "share": {"tickformat": ".0~%"},
}
# Lines differ by their dashes too, so that nobody has to tell them apart by colour alone.
_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
_LONGEST: Final = 60


def value_text(measure: ChartMeasure, value: float | None) -> str:
    """Return a value of a measure with its unit."""
    return _WORDS[measure.unit](value)


def line_colors(colors: Palette) -> tuple[str, ...]:
    """Return the colours of the lines in their order."""
    return colors.quality, colors.safety, colors.cost, colors.volume, colors.muted


def board_figure(found: Charted, measure: ChartMeasure, colors: Palette) -> Figure:
    """Return one line over time for each value; buckets without values are gaps."""
    figure: Figure = {"data": [], "layout": {}}
    for place, (line, color) in enumerate(zip(found.lines, line_colors(colors), strict=False)):
        points = [
            Point(at, number, value) for at, (number, value) in zip(found.starts, line.points, strict=True)
        ]
        name = clip(name_of(line, measure), _LONGEST)
        drawn = trend(points, name=name, unit="score", color=color, colors=colors)
        series = drawn["data"][-1]
        series["line"] = {"color": color, "width": 2.25, "dash": _DASHES[place]}
        texts = [
            f"{name} {value_text(measure, point.value)} of {count(point.records)} calls" for point in points
        ]
        series |= point_texts(texts, points)
        figure["data"].append(series)
        figure["layout"] = figure["layout"] or drawn["layout"]
    if measure.unit != "score" and figure["layout"]:
        axis = figure["layout"]["yaxis"]
        axis.pop("range", None)
        axis.update({"rangemode": "tozero", "nticks": 5} | _AXES[measure.unit])
    return figure


def name_of(line: Line, measure: ChartMeasure) -> str:
    """Return what a line is called: its value, or the measure where there is only one."""
    return line.value or measure.title


def describe_lines(found: Charted, measure: ChartMeasure, title: str) -> str:
    """Return the lines in words: all of the period, and when each is highest."""
    told = []
    for line in found.lines:
        known = [
            (value, at) for at, (_, value) in zip(found.starts, line.points, strict=True) if value is not None
        ]
        if not known or not line.whole[0]:
            told.append(f"{name_of(line, measure)} {UNKNOWN}")
            continue
        top, at = max(known, key=lambda pair: pair[0])
        whole = value_text(measure, line.whole[1])
        told.append(f"{name_of(line, measure)} {whole}, highest {value_text(measure, top)} at {instant(at)}")
    return f"{title}: {'; '.join(told) or 'no data'}."
