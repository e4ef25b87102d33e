"""What surrounds every page: header, navigation, banners, and the timers of pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dash_mantine_components as dmc
import structlog
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, set_props

from app.config import Settings, is_loopback
from app.schemas.projects import DEFAULT_PROJECT
from dashboard.auth.current_identity import CURRENT_IDENTITY, shown_project
from dashboard.auth.middleware import SIGN_OUT
from dashboard.data.known_values import KnownValues
from dashboard.data.live import NEWS
from dashboard.drawing.address_parts import NAMED_PROJECT, address_parts, register_address_parts
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import aria, attributes, icon, notice
from dashboard.drawing.drawer import trace_drawer
from dashboard.drawing.filter_box import filter_box, filter_line, register_filter_box
from dashboard.drawing.formatting import instant
from dashboard.drawing.health import HealthReader, health_label, health_table
from dashboard.drawing.navigation import navigation, register_navigation
from dashboard.drawing.pausing import pause_button, register_pause
from dashboard.drawing.popup import popup
from dashboard.drawing.theme import MANTINE
from dashboard.drawing.time_picker import register_time_picker, time_picker
from dashboard.drawing.views_menu import views_menu
from dashboard.page import Page

__all__ = ["CLOCK", "PAUSED", "SCHEME", "URL", "ZONE", "frame", "register_frame", "report_failure"]

URL, CLOCK, SCHEME, ZONE, PAUSED = "url", "clock", "scheme", "zone", "paused"
_TOGGLE = "scheme-toggle"
_CLOCK_SECONDS = 5
_WIDE = "md"

_log = structlog.get_logger(__name__)


def frame(settings: Settings, pages: Sequence[Page]) -> Any:
    """Return the layout around the pages; it reads nothing."""
    return dmc.MantineProvider(
        theme=MANTINE,
        defaultColorScheme="auto",
        children=[
            dcc.Location(id=URL, refresh="callback-nav"),
            dcc.Store(id=NEWS),
            dcc.Store(id=SCHEME),
            dcc.Store(id=ZONE),
            dcc.Store(id=PAUSED, data=False),
            dcc.Store(id="beat", data=0),
            *address_parts(),
            dcc.Interval(id=CLOCK, interval=_CLOCK_SECONDS * 1000),
            html.A("Skip to content", href="#content", className="skip"),
            trace_drawer(),
            dmc.AppShell(
                id="shell",
                padding="md",
                header={"height": {"base": 96, _WIDE: 56}},
                navbar={"width": 190, "breakpoint": _WIDE, "collapsed": {"mobile": True}},
                children=[
                    dmc.AppShellHeader(_header(), className="header"),
                    dmc.AppShellNavbar(navigation(pages), p="xs", className="navbar", **aria(label="Pages")),
                    dmc.AppShellMain(
                        [filter_line(), *_banners(settings), html.Div(id="content", tabIndex="-1")],
                        className="main",
                    ),
                ],
            ),
        ],
    )


def _header() -> list[Any]:
    return [
        html.Div(className="brand", children=_brand()),
        html.Div(className="choice", children=[filter_box(), time_picker()]),
        html.Div(className="tools", children=_tools()),
    ]


def _brand() -> list[Any]:
    return [
        dmc.Burger(id="burger", size="sm", hiddenFrom=_WIDE, opened=False, **aria(label="Navigation")),
        icon("pulse", className="logo"),
        html.Span("LLM Monitor", className="product"),
        dmc.Badge(id="project", variant="light", tt="none", **aria(label="Project")),
    ]


def _tools() -> list[Any]:
    return [
        views_menu(),
        pause_button(),
        popup("health", health_label(None, asked=False), [health_table(None)], title="State of the system"),
        dmc.ColorSchemeToggle(
            id=_TOGGLE,
            lightIcon=icon("sun"),
            darkIcon=icon("moon"),
            variant="default",
            size=30,
            **aria(label="Switch between light and dark"),
        ),
        html.Div(id="account"),
    ]


def _banners(settings: Settings) -> list[Any]:
    open_to_all = dmc.Alert(
        f"This dashboard listens on {settings.host} and no key protects it: whoever reaches it can read "
        "every prompt and response. Set LLM_MONITOR_HOST=127.0.0.1 to keep it on this machine.",
        color="orange",
        variant="light",
        mb="md",
        icon=icon("warning"),
        **attributes(data_banner="open"),
    )
    lost = dmc.Alert(
        "The dashboard's server does not answer, so these numbers are no longer updated. The updates "
        "continue by themselves when the server is back.",
        color="red",
        variant="light",
        mb="md",
        icon=icon("warning"),
    )
    return [
        *([] if is_loopback(settings.host) or settings.require_keys == "always" else [open_to_all]),
        html.Div(lost, id="lost", role="alert", hidden=True),
        html.Div(id="failure", role="alert"),
    ]


def register_frame(dash: Dash, pages: Sequence[Page], health: HealthReader, values: KnownValues) -> None:
    """Add the callbacks of the frame: routing, time, filter, pause, health, and a lost server."""
    _register_routing(dash, pages)
    _register_browser(dash, pages)
    register_address_parts(dash, URL)
    register_navigation(dash, URL)
    register_time_picker(dash, URL)
    register_filter_box(dash, URL, values)
    register_pause(dash, PAUSED)

    @dash.callback(
        Output("health", "children"),
        Output("health-panel", "children"),
        Output("beat", "data"),
        Input(CLOCK, "n_intervals"),
    )
    async def check_health(beat: int | None) -> tuple[Any, Any, int]:
        found = await health.read()
        return health_label(found), health_table(found), beat or 0


def _register_routing(dash: Dash, pages: Sequence[Page]) -> None:
    by_path = {page.path: page for page in pages}
    below = {page.path: page for page in pages if page.is_below}

    @dash.callback(Output("content", "children"), Input(URL, "pathname"))
    def route(path: str | None) -> Any:
        page = by_path.get(path or "/") or below.get(f"{(path or '').rpartition('/')[0]}/")
        if page:
            return page.layout()
        return dmc.Alert(
            ["There is no page at this address. ", dcc.Link("Open the overview", href="/")],
            title="Not found",
            color="gray",
        )

    @dash.callback(Output("account", "children"), Input(_TOGGLE, "id"))
    def show_account(_: str | None) -> Any:
        identity = CURRENT_IDENTITY.get()
        if identity is None or identity.anonymous:
            return None
        button = html.Button("Sign out", type="submit", className="sign-out", title=identity.actor)
        return html.Form(button, action=SIGN_OUT, method="POST")

    @dash.callback(Output("project", "children"), Input(NAMED_PROJECT, "data"))
    def name_project(named: str | None) -> str:
        return shown_project(named or DEFAULT_PROJECT)


def _register_browser(dash: Dash, pages: Sequence[Page]) -> None:
    titles = {page.path: f"{page.title} · LLM Monitor" for page in pages}
    below = {page.path: titles[page.path] for page in pages if page.is_below}
    answer_in_browser(
        dash,
        f"path => {{ document.title = ({json.dumps(titles)})[path] || "
        f"({json.dumps(below)})[path.replace(/[^/]*$/, '')] || 'LLM Monitor' }}",
        Input(URL, "pathname"),
    )
    answer_in_browser(
        dash,
        ClientsideFunction("frame", "readScheme"),
        Output(SCHEME, "data"),
        Input(_TOGGLE, "computedColorScheme"),
        Input(CLOCK, "n_intervals"),
        State(SCHEME, "data"),
    )
    answer_in_browser(
        dash,
        "() => Intl.DateTimeFormat().resolvedOptions().timeZone",
        Output(ZONE, "data"),
        Input(_TOGGLE, "id"),
    )
    answer_in_browser(
        dash,
        ClientsideFunction("frame", "isLost"),
        Output("lost", "hidden"),
        Input(CLOCK, "n_intervals"),
        Input("beat", "data"),
    )
    answer_in_browser(
        dash,
        ClientsideFunction("frame", "toggleNavigation"),
        Output("shell", "navbar"),
        Input("burger", "opened"),
        State("shell", "navbar"),
        prevent_initial_call=True,
    )


def report_failure(error: Exception) -> None:
    """Log the error of a callback and show it on the page; what is drawn stays as it is."""
    _log.error("callback_failed", exc_info=error)
    said = f"An update of this page failed at {instant(datetime.now(UTC))}; the dashboard's log says why."
    set_props("failure", {"children": notice("Something went wrong", said)})
