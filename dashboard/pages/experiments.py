"""The page Experiments: whether one run is better than another, item by item."""

from __future__ import annotations

from typing import Any, Final

from dash import Dash, html

from dashboard.data.datasets import ComparedRuns, RunsFound, read_compared, read_run_list
from dashboard.data.sources import Sources
from dashboard.drawing.datasets import EXPERIMENTS_PATH
from dashboard.drawing.experiments import comparison_shown, runs_shown
from dashboard.page import Page
from dashboard.settings.section import Asked, Section, Shown, keep_shown, section_parts

__all__ = ["PAGE"]


def _layout() -> Any:
    return [
        html.Div(
            [html.H1("Experiments"), html.P("Is one run better than another?", className="remark")],
            className="asking",
        ),
        html.Div(
            [html.Div(section_parts(one), className="setting wider") for one in (_COMPARISON, _RUNS)],
            className="board",
        ),
    ]


async def _read_comparison(sources: Sources, asked: Asked) -> ComparedRuns | None:
    if not {"base", "other"} <= asked.fields.keys():
        return None
    return await read_compared(sources.queries, asked.project_id, asked.fields)


def _draw_comparison(found: ComparedRuns | None, shown: Shown) -> Any:
    if found is not None:
        return comparison_shown(found, shown.search)
    chosen = "a run to compare with the base" if "base" in shown.fields else "a base, and a run to compare"
    return html.P(f"Choose {chosen} below, and what may be claimed stands here.", className="remark")


async def _read_runs(sources: Sources, asked: Asked) -> RunsFound:
    return await read_run_list(sources.queries, asked.project_id)


def _draw_runs(found: RunsFound, shown: Shown) -> Any:
    return runs_shown(found, shown.search, shown.fields.get("base"), shown.fields.get("other"))


def _register(dash: Dash, sources: Sources) -> None:
    keep_shown(dash, sources, _COMPARISON)
    keep_shown(dash, sources, _RUNS)


_COMPARISON: Final = Section(
    name="comparison",
    title="Comparison",
    about="A difference is claimed only where chance does not explain it; p allows for all figures together.",
    read=_read_comparison,
    draw=_draw_comparison,
    fields=("base", "other"),
)
_RUNS: Final = Section(
    name="runs",
    title="Runs",
    about="The newest first. Only runs over the same dataset can be compared.",
    read=_read_runs,
    draw=_draw_runs,
    fields=("base", "other"),
    live=True,
)

PAGE = Page(
    path=EXPERIMENTS_PATH,
    title="Experiments",
    icon="experiments",
    order=87,
    layout=_layout,
    register=_register,
)
