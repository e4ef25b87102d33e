"""Printing figures for the person who runs the benchmark."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.performance.figure import Figure

__all__ = ["print_figures", "shown"]

_MARKS = {True: "ok", False: "MISSED", None: ""}
_SMALL = 100


def shown(value: float) -> str:
    """Return a number with its meaningful digits."""
    return f"{value:,.0f}" if abs(value) >= _SMALL else f"{value:.3g}"


def print_figures(figures: Sequence[Figure]) -> None:
    """Print each figure with its yardstick and goal, and its details below it."""
    for one in figures:
        against = ""
        if one.yardstick:
            against = f"= {one.ratio:.2f} x {one.yardstick_name} ({shown(one.yardstick)})"
        goal = f"[{one.goal}: {_MARKS[one.met]}]" if one.goal else ""
        print(f"{one.name}: {shown(one.value)} {one.unit} {against} {goal}", flush=True)
        if one.details:
            print("    " + ", ".join(f"{name} {shown(value)}" for name, value in one.details.items()))
