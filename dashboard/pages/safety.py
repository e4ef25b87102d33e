"""Safety: what was said that must not be, and which alarms are false."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from dash import Dash, html

from app.filters.grouping import parse_group_by
from app.reports.answers import answer_safety
from app.reports.breakdown import GroupFigures, read_breakdown
from app.reports.findings import read_findings
from app.schemas.catalogue import Judge
from app.storage.engine import Connection
from dashboard.data.sources import Sources
from dashboard.data.view import View
from dashboard.drawing.components import asking, card, chart
from dashboard.drawing.safety import SafetyFound, safety_parts
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores
from monitoring.statistics.changes import Change, change_of_shares

__all__ = ["PAGE"]

_NAME = "safety"
_LONGEST_NAME = 100
_FINDINGS = 12
_MODELS = 20
_PARTS = {
    "trend": ("safety-over-time", "figure"),
    "trend-text": ("safety-over-time-text", "children"),
    **{
        name: (f"safety-{name}", "children")
        for name in (
            *("tiles", "trend-about", "flags", "reviews", "models", "personal", "injections"),
            *("patterns", "heading", "more", "findings"),
        )
    },
}


def _cards() -> Any:
    return html.Div(
        [
            card(
                "Over time",
                [chart("safety-over-time", height=190)],
                remark=html.Span(id="safety-trend-about"),
                measure="flagged",
            ),
            card("By type", [html.Div(id="safety-flags")], remark="choose one to see only it"),
            card(
                "Which alarms are false",
                [html.Div(id="safety-reviews")],
                remark="share of the reviewed ones, with its 95 % interval",
            ),
            card(
                "By model",
                [html.Div(id="safety-models")],
                remark="flagged, of checked calls",
                measure="violations",
                split="model",
            ),
            card(
                "Personal data by type",
                [html.Div(id="safety-personal")],
                remark="of the newest flagged calls",
            ),
            card(
                "Where injections came from",
                [html.Div(id="safety-injections")],
                remark="of the newest flagged calls",
            ),
        ],
        className="cards",
    )


def _layout() -> Any:
    return [
        asking("Safety", "What was said that must not be, and which alarms are false?"),
        *page_stores(_NAME),
        html.Div(
            className="board",
            children=[
                html.Div(id="safety-tiles", className="measures"),
                _cards(),
                html.Section(
                    [
                        html.Div(
                            [html.H2(id="safety-heading"), html.Div(id="safety-more", className="remark")],
                            className="heading",
                        ),
                        html.Div(id="safety-findings"),
                    ],
                    className="card",
                ),
                card(
                    "Where",
                    [html.Div(id="safety-patterns")],
                    remark="share of the calls of a model and template",
                ),
            ],
        ),
    ]


def _raisers_of(judges: Iterable[Judge]) -> dict[str, set[str]]:
    raisers: dict[str, set[str]] = defaultdict(set)
    for judge in judges:
        if judge.flag is not None:
            raisers[judge.flag].add(judge.name)
    return raisers


def _change(then: GroupFigures | None, total: GroupFigures | None) -> Change | None:
    if not total or not then:
        return None
    return change_of_shares((then.violations, then.assessed), (total.violations, total.assessed))


def _register(dash: Dash, sources: Sources) -> None:
    queries = sources.queries

    async def read(view: View, fields: Mapping[str, str]) -> SafetyFound:
        now = queries.clock()
        asked = queries.asked(view, "model", top=_MODELS)
        flag = fields.get("flag", "")[:_LONGEST_NAME].replace("\0", "") or None
        raisers = _raisers_of(await queries.judges())
        shown = raisers.get(flag, {flag}) if flag else {one for names in raisers.values() for one in names}
        earlier = asked.chosen._replace(window=view.window_before(now))

        async def ask(connection: Connection) -> SafetyFound:
            report = await answer_safety(connection, asked, raisers=raisers)
            before = await read_breakdown(
                connection, earlier, parse_group_by(["model"]), order="violations", top=1
            )
            findings = await read_findings(
                connection, asked.chosen, flag=flag, raisers=raisers, limit=_FINDINGS
            )
            total, then = (one.total if one else None for one in (report.breakdown, before))
            change = _change(then, total)
            return SafetyFound(report, findings, flag, total.assessed if total else 0, change, shown, now)

        return await queries.figures(view.project_id, ask)

    keep_updated(
        dash,
        LivePage(
            name=_NAME,
            parts=_PARTS,
            read=read,
            draw=safety_parts,
            fields=("flag",),
            pushed=False,
            seconds=10,
        ),
    )


PAGE = Page(path="/safety", title="Safety", icon="safety", order=20, layout=_layout, register=_register)
