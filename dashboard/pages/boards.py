"""Boards: charts of one's own, kept by the project."""

from __future__ import annotations

from typing import Any

from dash import Dash, dcc, html

from dashboard.board_changes import PARTS, register_board_changes
from dashboard.data.boards import BoardsReader
from dashboard.data.sources import Sources
from dashboard.drawing.board_forms import board_acts, chart_form
from dashboard.drawing.boards import PATH, boards_parts
from dashboard.drawing.components import asking
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores

__all__ = ["PAGE"]

_NAME = "boards"


def _layout() -> Any:
    return [
        asking("Boards", "The charts that your project wants to see together."),
        *page_stores(_NAME),
        dcc.Store(id="board-shown"),
        dcc.Store(id="board-act"),
        html.Div(
            className="board",
            children=[
                html.Div(id="boards-choices"),
                html.Section([chart_form(), board_acts()], className="card boards-tools"),
                html.Div(id="boards-said", role="status"),
                html.Div(id="board-head"),
                html.Div(id="board-charts", className="charted"),
            ],
        ),
    ]


def _register(dash: Dash, sources: Sources) -> None:
    reader = BoardsReader(sources.queries)
    keep_updated(
        dash,
        LivePage(
            name=_NAME,
            parts=PARTS,
            read=reader.read,
            draw=boards_parts,
            fields=("board", "remove"),
            pushed=False,
            seconds=0.8,
        ),
    )
    register_board_changes(dash, sources, reader.read)


PAGE = Page(path=PATH, title="Boards", icon="boards", order=75, layout=_layout, register=_register)
