"""The live overview: rates, quality, safety, cost, topics and the latest traces of the chosen period."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update

from app.errors import Overloaded, Unavailable
from dashboard.auth.current_identity import is_signed_in
from dashboard.data.live import NEWS
from dashboard.data.queries import Overview, Queries
from dashboard.data.view import read_view
from dashboard.drawing.components import card, chart, notice, tile, unread
from dashboard.drawing.drawer import opens_traces
from dashboard.drawing.formatting import instant
from dashboard.drawing.frame import CLOCK, SCHEME, URL
from dashboard.drawing.onboarding import onboarding
from dashboard.drawing.overview import overview_parts
from dashboard.drawing.redraw import only_changed
from dashboard.drawing.silence import silence_notice, silent_calls
from dashboard.drawing.theme import palette, scheme_of
from dashboard.drawing.traces import trace_table
from dashboard.page import Page

__all__ = ["PAGE"]

_TILES = {
    "rate": "Records per second",
    "queue": "In the queue",
    "quality": "Quality",
    "unsafe": "Violation rate",
    "cost": "Cost",
    "month": "Monthly cost",
}
_CHARTS = ("quality-trend", "flags", "unsafe-trend", "models", "topics", "volume")
_PARTS = {
    **{f"{name}-{part}": (f"{name}-{part}", "children") for name in _TILES for part in ("value", "remark")},
    **{name: (name, "figure") for name in _CHARTS},
    **{f"{name}-text": (f"{name}-text", "children") for name in _CHARTS},
    "traces": ("traces", "rowData"),
    "problem": ("problem", "children"),
    "onboarding": ("onboarding", "children"),
    "board": ("board", "hidden"),
}


def _layout() -> Any:
    return [
        html.H1("Overview", className="unseen"),
        dcc.Store(id="drawn"),
        html.Div(id="problem", role="status"),
        html.Div(id="onboarding"),
        html.Div(
            id="board",
            className="board",
            hidden=True,
            children=[
                html.Div([tile(name, title) for name, title in _TILES.items()], className="tiles"),
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
        card("Quality", [chart("quality-trend", height=190)], remark="mean, median, p10 to p90"),
        card("Violation rate", [chart("unsafe-trend", height=190)]),
        card("Records", [chart("volume", height=190)]),
        card("Safety flags", [chart("flags", height=190)], remark="records, share of checked"),
        card("Cost by model", [chart("models", height=190)], remark="US dollars"),
        card("Topics", [chart("topics", height=190)], remark="records"),
    ]


def _problems(overview: Overview) -> list[Any]:
    found = []
    if overview.queue is None:
        found.append(
            notice(
                "Redis does not answer",
                "New records are refused until it is back, and this page moves only every few seconds. It goes on "
                "by itself.",
            )
        )
    if overview.quality.message:
        newest = instant(overview.traces[0].timestamp)
        said = f"The newest record was received at {newest}: choose a longer period."
        found.append(notice(overview.quality.message, said, color="gray"))
    if silent := silent_calls(overview.traces, overview.at):
        # No numbers: they would change every second, and the chosen client with them.
        share = "The latest calls" if len(silent) == len(overview.traces) else "Some of the latest calls"
        found.append(silence_notice(f"{share} came without their texts"))
    return found


def _register(dash: Dash, queries: Queries) -> None:
    @dash.callback(
        output={
            **{name: Output(*target) for name, target in _PARTS.items()},
            "drawn": Output("drawn", "data"),
        },
        inputs={
            "_news": Input(NEWS, "data"),
            "_ticks": Input(CLOCK, "n_intervals"),
            "search": Input(URL, "search"),
            "scheme": Input(SCHEME, "data"),
            "drawn": State("drawn", "data"),
        },
    )
    async def show(
        _news: int | None, _ticks: int | None, search: str, scheme: str, drawn: dict[str, str] | None
    ) -> dict[str, Any]:
        try:
            overview = await queries.overview(read_view(search))
        except (Overloaded, Unavailable) as error:
            away = unread(error, "This page goes on by itself.")
            # What was drawn is forgotten, so that the first answer draws everything.
            return dict.fromkeys(_PARTS, no_update) | {"problem": away, "drawn": None}
        begun = bool(overview.traces)
        parts = overview_parts(overview, palette(scheme_of(scheme))) | {
            "problem": _problems(overview) if begun else None,
            "onboarding": None if begun else onboarding(queries.api_url, keyed=is_signed_in()),
            "board": not begun,
        }
        kept, shown = only_changed(parts, drawn)
        return kept | {"drawn": shown}

    opens_traces(dash, "traces", URL)


PAGE = Page(path="/", title="Overview", icon="overview", order=0, layout=_layout, register=_register)
