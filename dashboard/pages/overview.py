"""Overview: is anything wrong? Figures, changes, alerts and latest traces of a period, live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, html

from dashboard.auth.current_identity import is_signed_in
from dashboard.data.overview import Overview
from dashboard.data.sources import Sources
from dashboard.data.view import DEFAULT_PERIOD, View
from dashboard.drawing.components import asking, card, chart, notice
from dashboard.drawing.drawer import opens_traces
from dashboard.drawing.formatting import instant
from dashboard.drawing.frame import URL
from dashboard.drawing.onboarding import onboarding
from dashboard.drawing.overview import overview_parts
from dashboard.drawing.silence import silence_notice, silent_calls
from dashboard.drawing.theme import Palette
from dashboard.drawing.traces import trace_table
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores

__all__ = ["PAGE"]

_NAME = "overview"
_CHARTS = ("quality-trend", "unsafe-trend", "volume")
_PARTS = {
    **{name: (name, "figure") for name in _CHARTS},
    **{f"{name}-text": (f"{name}-text", "children") for name in _CHARTS},
    **{name: (name, "children") for name in ("flags", "models", "topics", "moved", "alerts", "pipeline")},
    "tiles": ("overview-tiles", "children"),
    "traces": ("traces", "rowData"),
    "notices": ("overview-notices", "children"),
    "onboarding": ("onboarding", "children"),
    "board": ("board", "hidden"),
}


def _layout() -> Any:
    return [
        asking("Overview", "Is anything wrong?"),
        *page_stores(_NAME),
        html.Div(id="overview-notices", role="status"),
        html.Div(id="onboarding"),
        html.Div(
            id="board",
            className="board",
            hidden=True,
            children=[
                html.Div(id="overview-tiles", className="measures"),
                html.Div(_cards(), className="cards"),
                card(
                    "Latest traces",
                    [trace_table("traces", height="400px")],
                    remark="select one to see why it got its scores",
                ),
            ],
        ),
    ]


def _cards() -> list[Any]:
    return [
        card("What changed", [html.Div(id="moved")], remark="against the period before, beyond chance"),
        card("Active alerts", [html.Div(id="alerts")]),
        card("Pipeline", [html.Div(id="pipeline")], remark="now"),
        card(
            "Quality",
            [chart("quality-trend", height=190)],
            remark="mean, median, p10 to p90",
            measure="quality",
        ),
        card(
            "Flagged",
            [chart("unsafe-trend", height=190)],
            remark="share of checked calls",
            measure="violations",
        ),
        card("Records", [chart("volume", height=190)], measure="requests"),
        card("Safety flags", [html.Div(id="flags")]),
        card("Cost by model", [html.Div(id="models")], remark="US dollars", measure="cost", split="model"),
        card("Topics", [html.Div(id="topics")], remark="calls"),
    ]


def _notices(overview: Overview) -> list[Any]:
    found = []
    if overview.queue is None:
        found.append(
            notice(
                "Redis does not answer",
                "New records are refused until it is back, and this page is updated only every few "
                "seconds. It continues by itself.",
            )
        )
    found += _emptiness(overview)
    if silent := silent_calls(overview.traces, overview.at):
        # A number in this sentence would change every second, and fold the chosen recipe with it.
        share = "The latest calls" if len(silent) == len(overview.traces) else "Some of the latest calls"
        found.append(silence_notice(f"{share} came without their texts"))
    return found


def _emptiness(overview: Overview) -> list[Any]:
    """Return what is said where the period has no calls, or the latest calls are not listed."""
    newest = ""
    if overview.traces:
        newest = f"The newest call is of {instant(max(one.timestamp for one in overview.traces))}"
    found = []
    if overview.widened:
        said = f"{newest}, so this page shows the last {overview.widened}."
        found.append(notice(f"No calls in the last {DEFAULT_PERIOD}", said, color="gray"))
    elif not overview.cost.total_requests:
        said = f"{newest}: choose a longer period." if newest else "Choose a longer period or another filter."
        found.append(notice("No calls in this period", said, color="gray"))
    if overview.refused:
        found.append(notice("The latest calls cannot be listed", overview.refused, color="gray"))
    return found


def _register(dash: Dash, sources: Sources) -> None:
    queries = sources.queries

    async def read(view: View, _: Mapping[str, str]) -> Overview:
        return await queries.overview(view)

    def draw(overview: Overview, view: View, colors: Palette) -> dict[str, Any]:
        begun = bool(overview.traces or view.filter)
        return overview_parts(overview, view, colors) | {
            "notices": _notices(overview) if begun else None,
            "onboarding": None if begun else onboarding(queries.api_url, keyed=is_signed_in()),
            "board": not begun,
        }

    keep_updated(dash, LivePage(name=_NAME, parts=_PARTS, read=read, draw=draw))
    opens_traces(dash, "traces", URL)


PAGE = Page(path="/", title="Overview", icon="overview", order=0, layout=_layout, register=_register)
