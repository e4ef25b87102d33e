"""Quality: what got better or worse, and where."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html

from app.filters.grouping import parse_group_by
from app.reports.agreement import read_agreement
from app.reports.answers import Asked
from app.reports.one_score import OneScore, read_one_score
from app.reports.quality import score_names
from app.storage.engine import Connection
from app.storage.rollups.reading import read_measures
from dashboard.data.sources import Sources
from dashboard.data.view import View
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import card, chart
from dashboard.drawing.frame import URL
from dashboard.drawing.quality import FIELDS, USUAL_SCORE, QualityFound, quality_parts
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores
from monitoring.statistics.trends import Window

__all__ = ["PAGE"]

_NAME = "quality"
_SELECT = "quality-score"
_LONGEST_NAME = 200
_PARTS = {
    "said": ("quality-said", "children"),
    "tiles": ("quality-tiles", "children"),
    "trend": ("quality-over-time", "figure"),
    "trend-text": ("quality-over-time-text", "children"),
    "scores": (_SELECT, "data"),
    "fields": ("quality-fields", "children"),
    "groups": ("quality-groups", "children"),
    "basis": ("quality-basis", "children"),
    "agreement": ("quality-agreement", "children"),
    "labels": ("quality-labels", "children"),
    "labels-basis": ("quality-labels-basis", "children"),
}


def _layout() -> Any:
    return [
        html.Div(
            [
                html.H1("Quality"),
                html.P("What got better or worse, and where?", className="remark"),
                dmc.Select(
                    id=_SELECT,
                    label="Score",
                    data=[],
                    value=USUAL_SCORE,
                    allowDeselect=False,
                    searchable=True,
                    size="xs",
                    className="choice",
                ),
            ],
            className="asking",
        ),
        *page_stores(_NAME),
        html.Div(id="quality-said", className="said", role="status"),
        html.Div(className="board", children=_cards()),
    ]


def _cards() -> list[Any]:
    return [
        html.Div(id="quality-tiles", className="measures"),
        card(
            "Over time",
            [chart("quality-over-time", height=230)],
            remark="mean, median, and the band from the lowest to the highest tenth",
            measure="score",
        ),
        card(
            "Where",
            [html.Div(id="quality-fields"), html.Div(id="quality-groups")],
            remark=html.Span(id="quality-basis"),
            measure="score",
            split=f"by:{FIELDS[0]}",
        ),
        card(
            "Why",
            [html.Div(id="quality-labels")],
            remark=html.Span(id="quality-labels-basis"),
        ),
        card(
            "Agreement with people",
            [html.Div(id="quality-agreement")],
            remark="labels and feedback of the same calls",
        ),
    ]


def _field_and_score(fields: Mapping[str, str]) -> tuple[str, str]:
    by = fields.get("by")
    score = fields.get("score", USUAL_SCORE)[:_LONGEST_NAME].replace("\0", "")
    return by if by in FIELDS else FIELDS[0], score


def _register(dash: Dash, sources: Sources) -> None:
    queries = sources.queries

    async def read(view: View, fields: Mapping[str, str]) -> QualityFound:
        judges = await queries.judges()
        asked, before = queries.asked(view), view.window_before(queries.clock())
        field, score = _field_and_score(fields)
        (found, known), agreement = await asyncio.gather(
            queries.figures(view.project_id, partial(_read_score, asked, before, score, field)),
            queries.read(
                view.project_id, lambda connection: read_agreement(connection, asked.chosen, judges)
            ),
        )
        harmful = {judge.name for judge in judges if judge.category == "safety"}
        offered = [name for name in known if name.partition(".")[0] not in harmful]
        first = dict.fromkeys([USUAL_SCORE, score, *offered])
        is_harmful = score.partition(".")[0] in harmful
        return QualityFound(found, field, list(first), is_harmful, queries.clock(), agreement)

    keep_updated(
        dash,
        LivePage(
            name=_NAME,
            parts=_PARTS,
            read=read,
            draw=quality_parts,
            fields=("score", "by"),
            pushed=False,
            seconds=10,
        ),
    )
    _register_score(dash)


async def _read_score(
    asked: Asked, before: Window, score: str, field: str, connection: Connection
) -> tuple[OneScore, list[str]]:
    """Return a score with its groups by a field, and the names of all scores."""
    chosen = asked.chosen
    known = await read_measures(connection, chosen.project_id, chosen.window, chosen.source)
    found = await read_one_score(
        connection, chosen, before, score=score, dimensions=parse_group_by([field]), zone=asked.zone
    )
    return found, score_names(known)


def _register_score(dash: Dash) -> None:
    answer_in_browser(
        dash,
        f"search => new URLSearchParams(search || '').get('score') || {USUAL_SCORE!r}",
        Output(_SELECT, "value"),
        Input(URL, "search"),
    )
    answer_in_browser(
        dash,
        f"(value, search) => dash_clientside.choices.choose(value, search, 'score', {USUAL_SCORE!r})",
        Output(URL, "search", allow_duplicate=True),
        Input(_SELECT, "value"),
        State(URL, "search"),
        prevent_initial_call=True,
    )


PAGE = Page(path="/quality", title="Quality", icon="quality", order=10, layout=_layout, register=_register)
