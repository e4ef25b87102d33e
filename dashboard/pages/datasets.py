"""The page Datasets: what models are tested with, and which run is the baseline."""

from __future__ import annotations

from typing import Any, Final

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from app.errors import InvalidParameter, MonitorError
from dashboard.data.datasets import read_dataset, read_list, read_uuid
from dashboard.data.sources import Sources
from dashboard.data.view import kept_fields, read_fields, read_view, with_fields
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import card, notice
from dashboard.drawing.datasets import DATASETS_PATH, MOST_UPLOADED, dataset_list, dataset_shown
from dashboard.drawing.frame import URL
from dashboard.drawing.refusals import refused
from dashboard.page import Page
from dashboard.settings.section import Asked, Section, Shown, keep_shown, section_parts

__all__ = ["PAGE"]

_ABOUT: Final = (
    "JSON Lines or CSV, one item a line: prompt, and if there are any reference, context, metadata, split "
    f"and item_id. At most 10,000 items and {MOST_UPLOADED // 2**20} MB."
)


def _form() -> Any:
    return card(
        "Items from a file",
        [
            html.Div(
                [
                    dmc.TextInput(
                        id="dataset-name",
                        label="Dataset",
                        placeholder="the shown one, or the name of the file",
                        size="xs",
                        attributes={"input": {"maxLength": 80}},
                        w=280,
                    ),
                    dcc.Upload(
                        html.Span("Choose a file …", className="plain"),
                        id="dataset-file",
                        accept=".json,.jsonl,.ndjson,.csv",
                    ),
                ],
                className="acts",
            ),
            html.P(_ABOUT, className="remark"),
            html.Div(id="dataset-progress", role="status", className="remark"),
            html.Div(id="dataset-told", role="status"),
            dcc.Store(id="dataset-sent"),
        ],
    )


def _layout() -> Any:
    return [
        html.Div(
            [html.H1("Datasets"), html.P("What are models tested with?", className="remark")],
            className="asking",
        ),
        html.Div(
            [html.Div(section_parts(_SECTION), className="setting"), _form()], className="board evaluation"
        ),
    ]


async def _read(sources: Sources, asked: Asked) -> Any:
    if "dataset" not in asked.fields:
        return await read_list(sources.queries, asked.project_id)
    return await read_dataset(sources.queries, asked.project_id, asked.fields)


def _draw(found: Any, shown: Shown) -> Any:
    if "dataset" not in shown.fields:
        return dataset_list(found, shown.search)
    return dataset_shown(found, shown.search, shown.fields.get("approve"))


def _register(dash: Dash, sources: Sources) -> None:
    keep_shown(dash, sources, _SECTION)
    _register_approval(dash, sources)
    answer_in_browser(
        dash,
        ClientsideFunction("datasets", "send"),
        Output("dataset-sent", "data"),
        Input("dataset-file", "contents"),
        State("dataset-file", "filename"),
        State("dataset-name", "value"),
        State(URL, "search"),
        prevent_initial_call=True,
    )

    @dash.callback(
        Output("dataset-told", "children"),
        Output(URL, "search", allow_duplicate=True),
        Output("datasets-done", "data", allow_duplicate=True),
        Input("dataset-sent", "data"),
        State(URL, "search"),
        State("datasets-done", "data"),
        prevent_initial_call=True,
    )
    def tell(sent: Any, search: str | None, done: int | None) -> tuple[Any, Any, Any]:
        if not isinstance(sent, dict):
            return no_update, no_update, no_update
        if "dataset" in sent:
            told = notice("Done", str(sent["told"]), color="teal", closable=True)
            return told, with_fields(kept_fields(search), dataset=str(sent["dataset"])), (done or 0) + 1
        lines = sent.get("lines")
        told = [html.P(html.Bdi(str(line))) for line in (lines if isinstance(lines, list) else ())]
        return notice(str(sent.get("title")), told), no_update, no_update


def _register_approval(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        Output("datasets-said", "children"),
        Output(URL, "search", allow_duplicate=True),
        Output("datasets-done", "data"),
        Input("datasets-confirm", "n_clicks"),
        State(URL, "search"),
        State("datasets-done", "data"),
        prevent_initial_call=True,
    )
    async def approve(clicks: int | None, search: str | None, done: int | None) -> tuple[Any, Any, Any]:
        if not clicks:
            return no_update, no_update, no_update
        try:
            run_id = read_uuid(read_fields(search).get("approve", ""))
            project = read_view(search).project_id
            run = await sources.changes.send("POST", f"/experiments/{run_id}/approve", project)
        except InvalidParameter as error:
            return notice("Nothing was approved", error.detail), no_update, no_update
        except MonitorError as error:
            return refused(error, "Nothing was approved"), no_update, no_update
        told = notice("Done", f"{run['name']} is the approved baseline.", color="teal", closable=True)
        return told, with_fields(search, approve=None), (done or 0) + 1


_SECTION: Final = Section(
    name="datasets",
    title="Of this project",
    about="Every change makes a version, and a run keeps the version that it answers.",
    read=_read,
    draw=_draw,
    fields=("dataset", "version", "after", "approve"),
    live=True,
)

PAGE = Page(
    path=DATASETS_PATH, title="Datasets", icon="datasets", order=86, layout=_layout, register=_register
)
