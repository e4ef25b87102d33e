"""The table of traces: a grid, its rows, and what their cells say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import dash_ag_grid as dag
from dash import dcc, html

from app.schemas.kinds import COUNTED_KINDS
from app.schemas.listed import ListedTrace
from dashboard.data.listed import DEFAULT_COLUMNS
from dashboard.data.view import with_fields
from dashboard.drawing.components import aria, flag_name, notice
from dashboard.drawing.formatting import UNKNOWN, ago, clip, instant
from dashboard.drawing.trace_columns import column_definitions, listed_value, shown_value
from monitoring.marks import Mark

__all__ = ["ROWS", "older_texts", "trace_rows", "trace_table"]

ROWS: Final = 100
"""The number of rows that an endless table asks for at once."""
_KEPT_BLOCKS: Final = 30
_SNIPPET: Final = 160
_THEME = """themeQuartz.withParams({
  backgroundColor: "var(--card)", foregroundColor: "var(--mantine-color-text)", borderColor: "var(--line)",
  headerBackgroundColor: "var(--card)", headerTextColor: "var(--quiet)", chromeBackgroundColor: "var(--card)",
  rowHoverColor: "var(--mantine-color-default-hover)", selectedRowBackgroundColor: "var(--mantine-primary-color-light)",
  accentColor: "var(--mantine-primary-color-filled)", fontFamily: "inherit", fontSize: 13, spacing: 6,
  browserColorScheme: "inherit", wrapperBorder: false, headerFontWeight: 500
})"""
_OPTIONS: Final[Mapping[str, Any]] = {
    "theme": {"function": _THEME},
    "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
    "rowHeight": 36,
    "headerHeight": 34,
    "animateRows": False,
    "suppressNoRowsOverlay": True,
    "suppressFieldDotNotation": True,
    # One step of Tab leaves the grid; arrows move inside it.
    "tabToNextCell": {"function": "leaveGrid(params)"},
    "tabToNextHeader": {"function": "leaveGrid(params)"},
}
_ENDLESS: Final[Mapping[str, Any]] = {
    "cacheBlockSize": ROWS,
    "maxBlocksInCache": _KEPT_BLOCKS,
    # The table tells only the latest request, and each needs the last row of the block before.
    "maxConcurrentDatasourceRequests": 1,
    "infiniteInitialRowCount": 1,
}
_EVENTS: Final = {
    "cellKeyDown": ["openByKey(params)"],
    "gridSizeChanged": ["fitColumns(params)"],
    "displayedColumnsChanged": ["fitColumns(params)"],
    "modelUpdated": ["fitColumns(params)"],
    "columnResized": ["keepWidth(params)"],
}


def older_texts(search: str | None, begin: datetime, reached: datetime) -> Any:
    """Return how far the search for a text came, with a link that goes on from there.

    `search` is the query part of the list's address, whose period begins at `begin`.
    """
    times = {"from": begin.isoformat(), "to": reached.isoformat()}
    said = f"The texts of calls received since {instant(reached)} were searched. "
    link = dcc.Link("Search older ones", href=f"/traces{with_fields(search, period=None, **times)}")
    return notice("Older texts are not searched yet", [said, link], color="gray")


def trace_table(name: str, *, height: str, endless: bool = False) -> Any:
    """Return an empty table of traces; `selectedRows` holds the choice.

    `rowData` fills it. An `endless` table asks for rows by `getRowsRequest` while it is scrolled.
    """
    table = dag.AgGrid(
        id=name,
        columnDefs=column_definitions(DEFAULT_COLUMNS),
        getRowId="params.data.id",
        defaultColDef={
            "sortable": False,
            "resizable": True,
            "suppressMovable": True,
            "suppressHeaderMenuButton": True,
        },
        dashGridOptions={**_OPTIONS, **(_ENDLESS if endless else {})},
        eventListeners=_EVENTS,
        style={"height": height},
        rowModelType="infinite" if endless else "clientSide",
        rowData=None if endless else [],
    )
    label = (
        "Traces, newest received first. Enter opens the one in focus, and arrow keys move. "
        "Shift and Enter on two of them compares them."
    )
    return html.Div(table, role="region", **aria(label=label))


def trace_rows(
    traces: Sequence[ListedTrace],
    now: datetime,
    columns: Sequence[str] = DEFAULT_COLUMNS,
    further: Mapping[UUID, Mapping[str, Any]] | None = None,
    first_flags: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Return the table's rows, in the order given.

    `further` holds values that a listed trace lacks, by column. `first_flags` are named first.
    """
    return [
        _row(trace, now, columns, (further or {}).get(trace.trace_id, {}), first_flags) for trace in traces
    ]


def _row(
    trace: ListedTrace,
    now: datetime,
    columns: Sequence[str],
    further: Mapping[str, Any],
    first_flags: Sequence[str],
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": str(trace.trace_id),
        "ago": ago(trace.timestamp, now),
        "state": _state(trace),
        "failure": clip(trace.error, _SNIPPET) if trace.error else None,
    }
    for name in columns:
        there, value = listed_value(trace, name)
        row[name] = shown_value(name, value if there else further.get(name))
    return row | {name: special(trace, first_flags) for name, special in _SPECIAL.items() if name in columns}


def _unanswered(trace: ListedTrace) -> bool:
    return trace.error is not None and not trace.response


def _state(trace: ListedTrace) -> str:
    """Return what the column of flags says where there is none."""
    if trace.error is not None:
        return ""
    return "none" if trace.is_safe else "not checked" if trace.is_safe is None else UNKNOWN


def _flags(trace: ListedTrace, first: Sequence[str]) -> list[str]:
    ordered = sorted(trace.safety_flags, key=lambda flag: flag not in first)
    return [flag_name(flag) for flag in ordered]


def _model(trace: ListedTrace) -> str:
    return trace.model_name if trace.kind in COUNTED_KINDS else trace.name or trace.kind


def _prompt(trace: ListedTrace) -> str:
    silent = "(came without texts)" if Mark.NO_CONTENT in trace.marks else "(empty)"
    return clip(trace.prompt, _SNIPPET) or silent


# What a failed call is scored says nothing, because there is no response.
_SPECIAL: Final[Mapping[str, Any]] = {
    "timestamp": lambda trace, _: instant(trace.timestamp),
    "model": lambda trace, _: _model(trace),
    "quality": lambda trace, _: None if _unanswered(trace) else trace.quality_score,
    "safety": lambda trace, _: None if _unanswered(trace) else trace.safety_score,
    "flag": _flags,
    "prompt": lambda trace, _: _prompt(trace),
}
