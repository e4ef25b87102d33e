"""How a figure changed from the period before: in words and with its interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from dash import html

from dashboard.drawing.components import attributes
from dashboard.drawing.formatting import UNKNOWN
from monitoring.statistics.changes import Change

__all__ = ["Worse", "change_mark", "points", "signed"]

Worse = Literal["lower", "higher", "neither"]
"""Which direction of a change is bad news."""


def signed(value: float, text: Callable[[float], str]) -> str:
    """Return a difference with its sign; `text` writes its size."""
    size = text(abs(value))
    return size if text(0.0) == size else f"{'+' if value > 0 else '−'}{size}"  # noqa: RUF001 the sign for less


def points(value: float) -> str:
    """Return a share of 0..1 in points of percent, as differences of shares are told."""
    return f"{100 * value:.1f} points"


def change_mark(change: Change | None, text: Callable[[float], str], *, worse: Worse) -> Any:
    """Return a difference with its 95 % interval. Only what chance does not explain has an arrow.

    A change is unknown where a period has too few calls.
    """
    if change is None:
        return html.Span(UNKNOWN, className="change", title="A period has fewer than 30 calls to compare.")
    bounds = f"{signed(change.low, text)} to {signed(change.high, text)}"
    if not change.certain:
        said = f"{signed(change.difference, text)} ({bounds})"
        return html.Span(said, className="change", title="Chance may explain this difference.")
    rising = change.difference > 0
    state = "plain" if worse == "neither" else "bad" if rising == (worse == "higher") else "good"
    return html.Span(
        [
            f"{'▲' if rising else '▼'} {signed(change.difference, text)}",
            html.Span(f" ({bounds})", className="remark"),
        ],
        className="change",
        title=f"From {text(change.before)} to {text(change.after)}; chance does not explain it.",
        **attributes(data_state=state),
    )
