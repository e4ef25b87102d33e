"""The forms of the page of alerts: a rule, what is done with a rule, and a channel."""

from __future__ import annotations

from typing import Any, Final, get_args

import dash_mantine_components as dmc
from dash import dcc, html

from app.schemas.channels import TargetKind
from monitoring.alerting.metrics import METRICS, Aggregation
from monitoring.alerting.ready import READY_RULES
from monitoring.alerting.rules import DIMENSIONS, Comparison, Direction, MissingPolicy
from monitoring.alerting.schedules import DAYS
from monitoring.behaviour import CHANGED

__all__ = ["CHANNEL_FIELDS", "PROPOSED", "RULE_FIELDS", "acts", "channel_forms", "ready_form", "rule_form"]

PROPOSED: Final = "rule-proposed"
"""The store of the part of the address that proposes a rule."""
RULE_FIELDS: Final = (
    "name",
    "metric",
    "aggregation",
    "direction",
    "window",
    "warning",
    "critical",
    "recovery",
    "compare",
    "weeks",
    "days",
    "filter",
    "group_by",
    "pending",
    "keep_firing",
    "minimum_n",
    "no_data",
    "on_error",
    "renotify",
    "channels",
    "mute_days",
    "mute_start",
    "mute_end",
    "mute_tz",
)
"""The fields of a rule; the input of each is `rule-<field>`."""
CHANNEL_FIELDS: Final = ("name", "kind", "url", "routing_key", "host", "sender", "recipients")
"""The fields of a channel; the input of each is `channel-<field>`."""
_LATER: Final = (
    {"value": "1", "label": "1 hour"},
    {"value": "8", "label": "8 hours"},
    {"value": "72", "label": "3 days"},
)


def _choices(values: Any) -> list[dict[str, str]]:
    return [{"value": one, "label": one.replace("_", " ")} for one in values]


def _select(name: str, label: str, values: Any, value: str | None, *, clear: bool = False) -> Any:
    return dmc.Select(
        id=name, label=label, data=_choices(values), value=value, allowDeselect=clear, clearable=clear
    )


def _text(name: str, label: str, value: str = "", placeholder: str = "") -> Any:
    return dmc.TextInput(id=name, label=label, value=value, placeholder=placeholder)


def _number(name: str, label: str, value: Any = "") -> Any:
    return dmc.NumberInput(id=name, label=label, value=value, hideControls=True)


def _main_fields() -> list[Any]:
    metrics = [*METRICS, *(f"label:{name}" for name in CHANGED)]
    return [
        _text("rule-name", "Name"),
        dmc.Autocomplete(id="rule-metric", label="Metric", data=metrics, value="quality", limit=50),
        _select("rule-aggregation", "Aggregation", get_args(Aggregation), "average"),
        _select("rule-compare", "Compares", get_args(Comparison), "value"),
        _select("rule-direction", "Fires", get_args(Direction), "below"),
        _number("rule-warning", "Warning"),
        _number("rule-critical", "Critical"),
        _text("rule-window", "Window", "1h"),
    ]


def _more_fields() -> list[Any]:
    return [
        _number("rule-recovery", "Recovery"),
        _text("rule-filter", "Filter", placeholder='model = "gpt-5"'),
        _select("rule-group_by", "One for each", DIMENSIONS, None, clear=True),
        _number("rule-weeks", "Weeks to compare with", 4),
        _number("rule-days", "Or days, of a change"),
        _text("rule-pending", "Fires after", placeholder="5m"),
        _text("rule-keep_firing", "Ends after", placeholder="5m"),
        _number("rule-minimum_n", "Fewest records", 1),
        _select("rule-no_data", "Without records", get_args(MissingPolicy), "keep"),
        _select("rule-on_error", "After a failed query", get_args(MissingPolicy), "keep"),
        _text("rule-renotify", "Told again after", placeholder="1d"),
        dmc.MultiSelect(id="rule-channels", label="Channels", data=[], value=[]),
        dmc.MultiSelect(id="rule-mute_days", label="Muted on", data=_choices(DAYS), value=[]),
        _text("rule-mute_start", "Muted from", "00:00"),
        _text("rule-mute_end", "Muted until", "00:00"),
        _text("rule-mute_tz", "Time zone", "UTC"),
    ]


def rule_form() -> Any:
    """Return the editor of a rule, folded until it is wanted."""
    more = html.Div(_more_fields(), className="form")
    return html.Details(
        [
            html.Summary("Write or change a rule"),
            dcc.Store(id="rule-edited"),
            dcc.Store(id=PROPOSED),
            html.P("A new rule.", id="rule-about", className="remark"),
            html.Div(_main_fields(), className="form"),
            html.Details([html.Summary("More"), more], id="rule-more", className="folded"),
            html.Div(
                [
                    dmc.Button("Try it on the last 30 days", id="rule-try", size="xs", variant="default"),
                    dmc.Button("Save the rule", id="rule-save", size="xs"),
                    dmc.Button("Begin a new one", id="rule-new", size="xs", variant="subtle"),
                ],
                className="acts",
            ),
            html.Div(id="rule-said", role="status", className="said"),
            html.Div(id="rule-moments"),
        ],
        id="rule-form",
        className="folded",
    )


def ready_form() -> Any:
    """Return the choice of a ready rule."""
    data = [{"value": name, "label": rule.name} for name, rule in READY_RULES.items()]
    return html.Div(
        [
            dmc.Select(id="ready-name", label="Ready rules", data=data, value=None, size="xs"),
            dmc.Button("Choose it", id="ready-choose", size="xs", variant="default"),
        ],
        className="acts",
    )


def acts() -> Any:
    """Return what may be done with the rule that is shown."""
    return html.Div(
        [
            dmc.Button("I have seen it", id="alert-acknowledge", size="xs", variant="default"),
            dmc.Select(
                id="alert-hours",
                label="Snooze for",
                data=list(_LATER),
                value="8",
                allowDeselect=False,
                size="xs",
            ),
            dmc.Button("Snooze", id="alert-snooze", size="xs", variant="default"),
            dmc.Button("Wake", id="alert-wake", size="xs", variant="subtle"),
            dmc.Button("Edit", id="alert-edit", size="xs", variant="default"),
            dmc.Button("Turn off or on", id="alert-switch", size="xs", variant="subtle"),
            dmc.Button("Delete", id="alert-delete", size="xs", variant="subtle", color="red"),
        ],
        id="alert-acts",
        className="acts",
        hidden=True,
    )


def channel_forms() -> Any:
    """Return the choice of a channel with what may be done with it, and the form of a new one."""
    chosen = [
        dmc.Select(id="channel-chosen", label="Channel", data=[], value=None, size="xs"),
        dmc.Button("Send a test", id="channel-test", size="xs", variant="default"),
        dmc.Button("Turn off or on", id="channel-switch", size="xs", variant="subtle"),
        dmc.Button("Delete", id="channel-delete", size="xs", variant="subtle", color="red"),
    ]
    fields = [
        _text("channel-name", "Name"),
        _select("channel-kind", "Kind", get_args(TargetKind), "webhook"),
        _text("channel-url", "Address", placeholder="of a webhook or of Slack"),
        _text("channel-routing_key", "Integration key", placeholder="of PagerDuty"),
        _text("channel-host", "Mail server", placeholder="smtp.example.com"),
        _text("channel-sender", "Sender", placeholder="alerts@example.com"),
        _text("channel-recipients", "Recipients", placeholder="between commas"),
    ]
    new = html.Details(
        [
            html.Summary("Add a channel"),
            html.Div(fields, className="form"),
            dmc.Button("Add the channel", id="channel-save", size="xs"),
        ],
        className="folded",
    )
    acts_of_one = html.Div(chosen, id="channel-acts", className="acts", hidden=True)
    return [acts_of_one, html.Div(id="channel-said", role="status"), new]
