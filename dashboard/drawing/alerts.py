"""Alerts as a page shows them: rules with their states, what became of one, and channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from dash import dcc, html

from app.schemas.channels import Channel, Delivery
from app.storage.alerts.rules import StoredRule
from app.storage.alerts.transitions import StoredTransition
from dashboard.data.view import View, search_of
from dashboard.drawing.components import attributes
from dashboard.drawing.formatting import ago, clip, instant
from dashboard.drawing.theme import Palette
from monitoring.alerting.rules import Rule
from monitoring.alerting.states import Group, Status

__all__ = ["AlertsFound", "alerts_parts", "moments_text"]

_LONGEST = 120
_MOST_GROUPS = 10
_MOST_MOMENTS = 20
_DOTS: Mapping[str, str] = {"critical": "bad", "warning": "warn", "pending": "warn", "error": "bad"}
_WORDS: Mapping[Status, str] = {
    "ok": "quiet",
    "pending": "beyond its threshold, waits",
    "warning": "warning",
    "critical": "critical",
    "no_data": "no records",
    "error": "could not be read",
}


class AlertsFound(NamedTuple):
    """What the page shows, read at `now`; `chosen` is the rule whose history is shown."""

    rules: Sequence[StoredRule]
    chosen: StoredRule | None
    history: Sequence[StoredTransition]
    channels: Sequence[Channel]
    deliveries: Sequence[Delivery]
    now: datetime


def alerts_parts(found: AlertsFound, view: View, _colors: Palette) -> dict[str, Any]:
    """Return the parts of the page."""
    firing = sum(stored.state.level is not None for stored in found.rules)
    names = {channel.channel_id: channel.name for channel in found.channels}
    return {
        "said": _summary(len(found.rules), firing),
        "rules": _rules(found, view),
        "one": _one(found),
        "history": _history(found.history),
        "channels": _channels(found.channels),
        "log": _log(found.deliveries, names, found.now),
        "choices": [_choice(one.channel_id, one.name) for one in found.channels],
        "carriers": [_choice(one.channel_id, one.name) for one in found.channels],
        "unchosen": found.chosen is None,
        "unsent": not found.channels,
    }


def _choice(channel_id: UUID, name: str) -> dict[str, str]:
    return {"value": str(channel_id), "label": clip(name, _LONGEST)}


def _summary(rules: int, firing: int) -> str:
    if not rules:
        return "There is no rule yet: choose a ready one, or write one below."
    told = (
        "No alert fires."
        if not firing
        else f"{firing} of the rules fire."
        if firing > 1
        else "One rule fires."
    )
    return f"{told} {rules} rule{'s' if rules > 1 else ''} in all."


def _rules(found: AlertsFound, view: View) -> Any:
    ranked = sorted(found.rules, key=lambda stored: (stored.state.level is None, not stored.enabled))
    return html.Ul([_rule(stored, found, view) for stored in ranked])


def _rule(stored: StoredRule, found: AlertsFound, view: View) -> Any:
    state = stored.state
    status: str = state.status if stored.enabled else "off"
    since = f", since {ago(state.alert_since, found.now)}" if state.alert_since else ""
    chosen = found.chosen is not None and found.chosen.rule_id == stored.rule_id
    href = f"/alerts{search_of(view, rule=str(stored.rule_id))}"
    return html.Li(
        [
            html.Div(
                [
                    html.Span(className="dot", **attributes(data_state=_DOTS.get(status, "good"))),
                    dcc.Link(clip(stored.rule.name, _LONGEST), href=href),
                    html.Span(
                        f"{_WORDS.get(state.status, status) if stored.enabled else 'off'}{since}",
                        className="remark",
                    ),
                ],
                className="heading",
            ),
            html.Div(_last_value(stored), className="remark"),
        ],
        **attributes(data_chosen=str(chosen).lower()),
    )


def _last_value(stored: StoredRule) -> str:
    groups = stored.state.groups
    if not groups:
        return f"{_subject(stored.rule)}: not evaluated yet"
    name = max(groups, key=lambda one: (groups[one].level is not None, groups[one].n))
    value = _value(groups[name])
    return f"{_subject(stored.rule)}: {f'{clip(name, 60)} ' if name else ''}{value}"


def _subject(rule: Rule) -> str:
    return f"{rule.aggregation} of {rule.metric}" + ("" if rule.compare == "value" else f" ({rule.compare})")


def _value(group: Group) -> str:
    value = "no value" if group.value is None else f"{group.value:.4g}"
    return f"{value} of {group.n:,} records"


def _one(found: AlertsFound) -> Any:
    stored = found.chosen
    if stored is None:
        return html.P("Choose a rule to see what became of it.", className="remark")
    rule, state = stored.rule, stored.state
    limits = [
        f"{name} {rule.direction if name != 'recovery' else 'at'} {value:g}"
        for name in ("warning", "critical", "recovery")
        if (value := getattr(rule, name)) is not None
    ]
    lines: list[Any] = [
        html.H3(clip(rule.name, _LONGEST)),
        html.P(f"{_subject(rule)} over {rule.window}: {', '.join(limits)}"),
    ]
    ranked = sorted(state.groups.items(), key=lambda item: (item[1].level is None, -item[1].n))
    for name, group in ranked[:_MOST_GROUPS]:
        lines.append(html.P(f"{clip(name, 60) or 'All records'}: {_WORDS[group.status]}, {_value(group)}"))
        if group.change is not None:
            lines.append(html.P(group.change.text))
    if state.acknowledged_by:
        lines.append(
            html.P(f"Seen by {clip(state.acknowledged_by, 60)} {ago(state.acknowledged_at, found.now)}.")
        )
    if state.snoozed_until and state.snoozed_until > found.now:
        lines.append(html.P(f"Sends no messages until {instant(state.snoozed_until)}."))
    return lines


def _history(history: Sequence[StoredTransition]) -> Any:
    if not history:
        return html.P("Nothing has changed yet.", className="remark")
    return html.Ul([html.Li(_entry(one)) for one in history])


def _entry(one: StoredTransition) -> list[Any]:
    value = "no value" if one.value is None else f"{one.value:.4g}"
    limit = "" if one.threshold is None else f", threshold {one.threshold:g}"
    group = f"{clip(one.group, 60)}: " if one.group else ""
    entry: list[Any] = [
        html.Div(
            [html.Strong(f"{one.before} → {one.after}"), html.Span(instant(one.at), className="remark")],
            className="heading",
        ),
        html.Div(f"{group}{value} of {one.n:,} records{limit}"),
    ]
    return [*entry, html.Div(one.change, className="remark")] if one.change else entry


def _channels(channels: Sequence[Channel]) -> Any:
    if not channels:
        return html.P("There is no channel yet, so alerts are shown only here.", className="remark")
    return html.Ul([html.Li(_channel(channel)) for channel in channels])


def _channel(channel: Channel) -> list[Any]:
    shown = ", ".join(f"{name} {clip(str(value), 60)}" for name, value in channel.shown.items() if value)
    state = "on" if channel.enabled else channel.off_reason or "off"
    dot = html.Span(className="dot", **attributes(data_state="good" if channel.enabled else "warn"))
    name = html.Strong(clip(channel.name, _LONGEST))
    return [
        html.Div(
            [dot, name, html.Span(f"{channel.kind}, {clip(state, _LONGEST)}", className="remark")],
            className="heading",
        ),
        html.Div(shown, className="remark"),
    ]


def _log(deliveries: Sequence[Delivery], names: Mapping[UUID, str], now: datetime) -> Any:
    if not deliveries:
        return html.P("Nothing was sent yet.", className="remark")
    return html.Ul([html.Li(_delivery(one, names, now)) for one in deliveries])


def _delivery(one: Delivery, names: Mapping[UUID, str], now: datetime) -> list[Any]:
    answer = f", answer {one.status_code}" if one.status_code else ""
    tried = f", {one.attempts} attempts" if one.attempts > 1 else ""
    entry: list[Any] = [
        html.Div(
            [html.Strong(f"{one.kind} {one.state}"), html.Span(ago(one.created_at, now), className="remark")],
            className="heading",
        ),
        html.Div(
            f"{clip(one.message.rule, _LONGEST)} to {clip(names.get(one.channel_id, 'a channel'), 60)}{answer}{tried}"
        ),
    ]
    return [*entry, html.Div(clip(one.error, 200), className="remark")] if one.error else entry


def moments_text(trial: Mapping[str, Any]) -> list[Any]:
    """Return what a trial of a rule on the last thirty days says, from the answer of the API."""
    if trial.get("cannot_fire"):
        return [html.P(f"This rule would never fire. {trial['cannot_fire']}")]
    found = trial.get("trial")
    if not found:
        return [html.P("There are no figures yet to try this rule on.")]
    moments = found["moments"][-_MOST_MOMENTS:]
    told = [html.P(f"It would have fired {_times(found['fired'])} in {found['evaluations'] / 24:.0f} days.")]
    return [*told, html.Ul([html.Li(_moment(one)) for one in reversed(moments)])] if moments else told


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")


def _moment(one: Mapping[str, Any]) -> str:
    begun = instant(datetime.fromisoformat(one["at"]))
    ended = f" to {instant(datetime.fromisoformat(one['ended_at']))}" if one["ended_at"] else ", and still"
    value = "no value" if one["value"] is None else f"{one['value']:.4g}"
    group = f" of {clip(one['group'], 60)}" if one["group"] else ""
    return f"{begun}{ended}: {one['level']}, {value}{group}. {one['change'] or ''}".strip()
