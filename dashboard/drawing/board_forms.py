"""The forms of the page of boards: a chart, a board, and a file."""

from __future__ import annotations

from typing import Any, Final

import dash_mantine_components as dmc
from dash import dcc, html

from app.schemas.boards import LONGEST_BOARD_NAME, LONGEST_FILTER, LONGEST_TITLE
from dashboard.drawing.boards import NEW

__all__ = ["CHART_FIELDS", "MOST_BYTES", "PUT", "board_acts", "chart_form"]

CHART_FIELDS: Final = ("title", "measure", "split", "filter")
"""The fields of a chart; the input of each is `chart-<field>`, and the API refuses by them."""
PUT: Final = "chart-put"
"""The store of the part of the address that puts a chart on a board."""
MOST_BYTES: Final = 256 * 1024
"""Bytes of a file that is imported."""
_SPLITS: Final = ("model", "template", "tag", "user", "provider", "session", "metadata.")


def _chart_fields() -> list[Any]:
    return [
        dmc.Select(
            id="chart-board",
            label="On the board",
            data=[{"value": NEW, "label": "a new board"}],
            value=NEW,
            allowDeselect=False,
        ),
        dmc.TextInput(
            id="chart-new",
            label="Name of a new board",
            value="",
            inputProps={"maxLength": LONGEST_BOARD_NAME},
        ),
        dmc.TextInput(id="chart-title", label="Title", value="", inputProps={"maxLength": LONGEST_TITLE}),
        dmc.Autocomplete(id="chart-measure", label="Measure", data=[], value="requests", limit=100),
        dmc.Autocomplete(
            id="chart-split",
            label="A line for each",
            data=list(_SPLITS),
            value="",
            placeholder="nothing, or a field",
        ),
        dmc.TextInput(
            id="chart-filter",
            label="Only calls with",
            value="",
            placeholder="a filter such as model = gpt-4o",
            inputProps={"maxLength": LONGEST_FILTER},
        ),
    ]


def chart_form() -> Any:
    """Return the form that adds a chart to a board or changes one, folded until it is wanted."""
    return html.Details(
        [
            html.Summary("Add a chart", id="chart-summary"),
            html.P(id="chart-about", className="remark"),
            html.Div(_chart_fields(), className="chart-form"),
            dmc.Button("Put it on the board", id="chart-save", size="xs"),
            dcc.Store(id="chart-place"),
            dcc.Store(id=PUT),
        ],
        id="chart-form",
        className="folded",
        open=False,
    )


def board_acts() -> Any:
    """Return what is done with whole boards: rename, export, import."""
    rename = dmc.TextInput(
        id="board-name",
        placeholder="another name",
        value="",
        size="xs",
        inputProps={"maxLength": LONGEST_BOARD_NAME},
        **{"aria-label": "Another name of the board"},
    )
    return html.Div(
        [
            html.Button("Export as a file", id="board-export", type="button", className="plain"),
            dcc.Upload(
                html.Span("Import a file …", className="plain"),
                id="board-import",
                max_size=MOST_BYTES,
                accept=".json",
            ),
            rename,
            dmc.Button("Rename", id="board-rename", size="xs", variant="default"),
            dcc.Download(id="board-file"),
        ],
        className="boards-acts",
    )
