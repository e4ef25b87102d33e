"""The page Evaluate: how good and how safe pasted or uploaded answers are."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update

from app.errors import InvalidParameter, InvalidRecord, MonitorError
from dashboard.data.pairs import LONGEST_PAIRS, MOST_PAIRS, read_pairs
from dashboard.data.sources import Sources
from dashboard.data.view import read_fields, read_view, with_fields
from dashboard.drawing.components import asking, card, notice
from dashboard.drawing.evaluation import evaluation_shown
from dashboard.drawing.export_menu import RESULTS_PATH, export_menu
from dashboard.drawing.frame import URL
from dashboard.drawing.refusals import refused
from dashboard.page import Page
from dashboard.settings.section import Asked, Section, Shown, keep_shown, section_parts

__all__ = ["PAGE", "read_evaluation", "start_evaluation"]

_PATH: Final = "/evaluate"
_EXAMPLE: Final = '{"prompt": "When are you open?", "response": "From ten to four.", "model_name": "gpt-4o"}'
_MOST_LISTED: Final = 5


def _acts() -> Any:
    limits = f"At most {MOST_PAIRS:,} pairs and {LONGEST_PAIRS // 1000} kB at once."
    return html.Div(
        [
            dmc.Button("Score them", id="evaluate-start", size="xs"),
            dcc.Upload(
                html.Span("Score a file …", className="plain"),
                id="evaluate-file",
                max_size=LONGEST_PAIRS,
                accept=".json,.jsonl,.ndjson,.csv",
            ),
            html.Span(
                f"{limits} They are stored apart from live traffic, with the source evaluate.",
                className="remark",
            ),
        ],
        className="acts",
    )


def _layout() -> Any:
    return [
        asking("Evaluate", "How good and how safe are these answers?"),
        html.Div(
            [
                card(
                    "Prompts and responses",
                    [
                        html.Label("JSON list, one JSON object a line, or CSV", htmlFor="evaluate-text"),
                        dcc.Textarea(
                            id="evaluate-text",
                            value="",
                            placeholder=_EXAMPLE,
                            maxLength=LONGEST_PAIRS,
                            rows=7,
                            spellCheck=False,
                            className="pairs",
                        ),
                        _acts(),
                        html.Div(id="evaluate-said", role="status"),
                    ],
                ),
                html.Div(section_parts(_RESULTS), className="setting"),
            ],
            className="board evaluation",
        ),
    ]


async def start_evaluation(sources: Sources, project_id: str, text: str) -> str:
    """Send what was pasted to be scored, and return the id of the job.

    Raises InvalidRecord for a text that cannot be read, and what the API refuses.
    """
    records = await asyncio.to_thread(read_pairs, text)
    headers = {"Prefer": "respond-async"}
    answer = await sources.changes.send("POST", _PATH, project_id, json=records, headers=headers)
    return str(answer["job_id"])


async def read_evaluation(sources: Sources, asked: Asked) -> Mapping[str, Any] | None:
    """Return what is known of the evaluation that the address names, None where it names none."""
    if "job" not in asked.fields:
        return None
    try:
        job = UUID(asked.fields["job"])
    except ValueError:
        raise InvalidParameter("This address names no evaluation.") from None
    found: Mapping[str, Any] = await sources.changes.send("GET", f"{_PATH}/{job}", asked.project_id)
    return found


def _draw(found: Mapping[str, Any] | None, shown: Shown) -> Any:
    if found is None:
        return html.P("Paste pairs above, or choose a file, and their scores stand here.", className="remark")
    job = read_fields(shown.search).get("job")
    download = export_menu(lambda form: RESULTS_PATH + with_fields("", job=job, format=form))
    return [html.Div(download, className="acts"), *evaluation_shown(found, shown.search)]


def _uploaded(contents: str) -> str:
    try:
        return base64.b64decode(contents.partition(",")[2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidRecord("This file is no text in UTF-8.") from error


def _refused(error: MonitorError) -> Any:
    told = [f"Pair {one['line']}: {one['message']}" for one in error.errors[:_MOST_LISTED] if "line" in one]
    if not told:
        return refused(error, "Nothing was scored")
    return notice("Nothing was scored", [html.P(error.detail), *map(html.P, told)])


def _register(dash: Dash, sources: Sources) -> None:
    keep_shown(dash, sources, _RESULTS)

    async def start(text: str, search: str | None) -> tuple[Any, Any]:
        try:
            job = await start_evaluation(sources, read_view(search).project_id, text)
        except MonitorError as error:
            return _refused(error), no_update
        return None, with_fields(search, job=job)

    outputs = (
        Output("evaluate-said", "children", allow_duplicate=True),
        Output(URL, "search", allow_duplicate=True),
    )

    @dash.callback(
        *outputs,
        Input("evaluate-start", "n_clicks"),
        State("evaluate-text", "value"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    async def score_text(clicks: int | None, text: str | None, search: str | None) -> tuple[Any, Any]:
        return await start(text or "", search) if clicks else (no_update, no_update)

    @dash.callback(
        *outputs, Input("evaluate-file", "contents"), State(URL, "search"), prevent_initial_call=True
    )
    async def score_file(contents: str | None, search: str | None) -> tuple[Any, Any]:
        if not contents:
            return no_update, no_update
        try:
            text = _uploaded(contents)
        except InvalidRecord as error:
            return _refused(error), no_update
        return await start(text, search)


_RESULTS: Final = Section(
    name="evaluation",
    title="Results",
    about="In the order of the pairs. Select a number to see why a pair got its scores.",
    read=read_evaluation,
    draw=_draw,
    fields=("job",),
    live=True,
)


PAGE = Page(path=_PATH, title="Evaluate", icon="evaluate", order=85, layout=_layout, register=_register)
