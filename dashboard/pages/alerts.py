"""Alerts: what fires now, what became of each rule, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from dash import Dash, html

from app.storage.alerts.channels import read_channels
from app.storage.alerts.deliveries import read_deliveries
from app.storage.alerts.rules import read_rules
from app.storage.alerts.transitions import read_transitions
from app.storage.engine import Connection
from dashboard.alert_changes import read_rule_id, register_alert_changes
from dashboard.data.sources import Sources
from dashboard.data.view import View
from dashboard.drawing.alert_forms import acts, channel_forms, ready_form, rule_form
from dashboard.drawing.alerts import AlertsFound, alerts_parts
from dashboard.drawing.components import asking, card
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores

__all__ = ["PAGE"]

_NAME = "alerts"
_SHOWN = 50
_PARTS = {
    "said": ("alerts-summary", "children"),
    "rules": ("alerts-rules", "children"),
    "one": ("alerts-one", "children"),
    "history": ("alerts-history", "children"),
    "channels": ("alerts-channels", "children"),
    "log": ("alerts-log", "children"),
    "choices": ("channel-chosen", "data"),
    "carriers": ("rule-channels", "data"),
    "unchosen": ("alert-acts", "hidden"),
    "unsent": ("channel-acts", "hidden"),
}


def _layout() -> Any:
    said = html.Div(id="alert-said", role="status")
    return [
        asking("Alerts", "What fires now, since when, and who is told?"),
        *page_stores(_NAME),
        html.P(id="alerts-summary", role="status"),
        html.Div(
            [
                card("Rules", [html.Div(id="alerts-rules"), ready_form(), rule_form()]),
                html.Div(
                    [
                        card("This rule", [html.Div(id="alerts-one"), acts(), said]),
                        card("History", [html.Div(id="alerts-history")], remark="the last 50 changes"),
                    ],
                    className="board",
                ),
                card("Channels", [html.Div(id="alerts-channels"), *channel_forms()]),
                card("Sent", [html.Div(id="alerts-log")], remark="the last 50 messages"),
            ],
            className="alerts",
        ),
    ]


def _register(dash: Dash, sources: Sources) -> None:
    queries = sources.queries

    async def read(view: View, fields: Mapping[str, str]) -> AlertsFound:
        wanted = read_rule_id(f"?{urlencode(fields)}")

        async def ask(connection: Connection) -> AlertsFound:
            project = view.project_id
            rules = await read_rules(connection, project)
            chosen = next((stored for stored in rules if stored.rule_id == wanted), None)
            history = (
                await read_transitions(connection, project, chosen.rule_id, before=None, limit=_SHOWN)
                if chosen
                else []
            )
            channels = await read_channels(connection, project)
            deliveries = await read_deliveries(connection, project, limit=_SHOWN)
            return AlertsFound(rules, chosen, history, channels, deliveries, queries.clock())

        return await queries.read(view.project_id, ask)

    keep_updated(
        dash,
        LivePage(
            name=_NAME, parts=_PARTS, read=read, draw=alerts_parts, fields=("rule",), pushed=False, seconds=2
        ),
    )
    register_alert_changes(dash, sources)


PAGE = Page(path="/alerts", title="Alerts", icon="alerts", order=90, layout=_layout, register=_register)
