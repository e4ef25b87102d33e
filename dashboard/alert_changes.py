"""What people change on the page of alerts: rules and channels, through the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from dash import Dash, Input, Output, State, ctx, no_update

from app.errors import InvalidRecord, MonitorError
from dashboard.data.proposals import read_proposal
from dashboard.data.sources import Sources
from dashboard.data.view import read_fields, read_view
from dashboard.drawing.address_parts import keep_part
from dashboard.drawing.alert_forms import CHANNEL_FIELDS, PROPOSED, RULE_FIELDS
from dashboard.drawing.alerts import moments_text
from dashboard.drawing.browser import reveal_filled
from dashboard.drawing.components import notice
from dashboard.drawing.frame import URL
from dashboard.drawing.refusals import refusals

__all__ = ["channel_of", "form_of", "read_rule_id", "register_alert_changes", "rule_of"]

_MUTES: Final = ("mute_days", "mute_start", "mute_end", "mute_tz")
_NEW: Final[Mapping[str, Any]] = dict.fromkeys(RULE_FIELDS, "") | {
    "metric": "quality",
    "aggregation": "average",
    "compare": "value",
    "direction": "below",
    "window": "1h",
    "weeks": 4,
    "group_by": None,
    "minimum_n": 1,
    "no_data": "keep",
    "on_error": "keep",
    "channels": [],
    "mute_days": [],
    "mute_start": "00:00",
    "mute_end": "00:00",
    "mute_tz": "UTC",
}
_TARGETS: Final[Mapping[str, tuple[str, ...]]] = {
    "webhook": ("url",),
    "slack": ("url",),
    "pagerduty": ("routing_key",),
    "email": ("host", "sender", "recipients"),
}


def read_rule_id(search: str | None) -> UUID | None:
    """Return the rule that an address names, None without one or with another text."""
    try:
        return UUID(read_fields(search).get("rule", ""))
    except ValueError:
        return None


def rule_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of POST /alerts/rules for what was typed."""
    typed = {
        name: value for name, value in given.items() if name not in _MUTES and value not in ("", None, [])
    }
    if not given.get("mute_days"):
        return typed
    mute = {name.removeprefix("mute_"): given[name] for name in _MUTES}
    return typed | {"mutes": [mute]}


def form_of(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the form for a rule as the API shows it."""
    values = {name: rule.get(name) for name in RULE_FIELDS if name not in _MUTES}
    shown = dict(_NEW) | {name: value for name, value in values.items() if value is not None}
    for mute in (rule.get("mutes") or [])[:1]:
        shown |= {f"mute_{name}": mute[name] for name in ("days", "start", "end", "tz")}
    return shown


def channel_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of POST /alerts/channels for what was typed."""
    target: dict[str, Any] = {"kind": given["kind"]}
    target |= {name: given[name] for name in _TARGETS.get(given["kind"], ()) if given.get(name)}
    if "recipients" in target:
        target["recipients"] = [one.strip() for one in target["recipients"].split(",") if one.strip()]
    return {"name": given["name"], "target": target}


def register_alert_changes(dash: Dash, sources: Sources) -> None:
    """Add the callbacks of the editor, of a rule's buttons, and of channels."""
    _register_editor(dash, sources)
    _register_filling(dash, sources)
    _register_proposals(dash)
    _register_acts(dash, sources)
    _register_channels(dash, sources)


def _request_of(
    given: Mapping[str, Any], edited: Mapping[str, Any] | None, *, tried: bool
) -> tuple[str, str, dict[str, Any]]:
    body = rule_of(given)
    # What the form does not show of a rule stays: further mutes, and whether it is on.
    kept = {} if tried or not edited else {"enabled": edited["enabled"]}
    if edited and len(edited["mutes"]) > 1:
        body["mutes"] = [*body.get("mutes", []), *edited["mutes"][1:]]
    method, path = ("PUT", f"/alerts/rules/{edited['rule_id']}") if edited else ("POST", "/alerts/rules")
    if tried:
        method, path = "POST", "/alerts/rules/trial"
    return method, path, body | kept


def _register_editor(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        output={
            "said": Output("rule-said", "children"),
            "moments": Output("rule-moments", "children"),
            "errors": {name: Output(f"rule-{name}", "error") for name in RULE_FIELDS},
        },
        inputs={
            "_try": Input("rule-try", "n_clicks"),
            "_save": Input("rule-save", "n_clicks"),
            "given": {name: State(f"rule-{name}", "value") for name in RULE_FIELDS},
            "edited": State("rule-edited", "data"),
            "search": State(URL, "search"),
        },
        prevent_initial_call=True,
    )
    async def save(
        _try: int | None,
        _save: int | None,
        given: dict[str, Any],
        edited: dict[str, Any] | None,
        search: str | None,
    ) -> dict[str, Any]:
        project, nothing = read_view(search).project_id, dict.fromkeys(RULE_FIELDS)
        tried = ctx.triggered_id == "rule-try"
        method, path, body = _request_of(given, edited, tried=tried)
        try:
            answer = await sources.changes.send(method, path, project, json=body)
        except MonitorError as error:
            errors, rest = refusals(error, RULE_FIELDS)
            told = notice("Nothing was changed", rest or "See the fields that are marked.")
            return {"said": told, "moments": None, "errors": nothing | errors}
        if tried:
            return {"said": None, "moments": moments_text(answer), "errors": nothing}
        told = notice("The rule was saved", "It is evaluated at its next due time.", color="teal")
        return {"said": told, "moments": moments_text(answer["trial"]), "errors": nothing}


def _register_filling(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        output={
            "values": {name: Output(f"rule-{name}", "value") for name in RULE_FIELDS},
            "edited": Output("rule-edited", "data"),
            "about": Output("rule-about", "children"),
            "open": Output("rule-form", "open"),
            "said": Output("alert-said", "children", allow_duplicate=True),
        },
        inputs={
            "_edit": Input("alert-edit", "n_clicks"),
            "_new": Input("rule-new", "n_clicks"),
            "search": State(URL, "search"),
        },
        prevent_initial_call=True,
    )
    async def fill(_edit: int | None, _new: int | None, search: str | None) -> dict[str, Any]:
        if ctx.triggered_id == "rule-new":
            return {"values": dict(_NEW), "edited": None, "about": "A new rule.", "open": True, "said": None}
        try:
            shown = await sources.changes.send("GET", _path(search), read_view(search).project_id)
        except MonitorError as error:
            kept = {"values": dict.fromkeys(RULE_FIELDS, no_update), "edited": no_update, "about": no_update}
            return kept | {"open": no_update, "said": notice("It cannot be edited", error.detail)}
        rule = shown["rule"]
        edited = {"rule_id": shown["rule_id"], "enabled": rule["enabled"], "mutes": rule["mutes"]}
        about = f"This changes the rule {rule['name']}."
        return {"values": form_of(rule), "edited": edited, "about": about, "open": True, "said": None}


def _register_proposals(dash: Dash) -> None:
    reveal_filled(dash, "rule")
    keep_part(dash, URL, PROPOSED, ("new", "filter", "split"))

    @dash.callback(
        output={
            "values": {name: Output(f"rule-{name}", "value", allow_duplicate=True) for name in RULE_FIELDS},
            "edited": Output("rule-edited", "data", allow_duplicate=True),
            "about": Output("rule-about", "children", allow_duplicate=True),
            "open": Output("rule-form", "open", allow_duplicate=True),
            "more": Output("rule-more", "open"),
        },
        inputs={"search": Input(PROPOSED, "data")},
        prevent_initial_call="initial_duplicate",
    )
    def propose(search: str | None) -> dict[str, Any]:
        proposed = read_proposal(search)
        if proposed is None:
            kept = {"values": dict.fromkeys(RULE_FIELDS, no_update), "edited": no_update}
            return kept | {"about": no_update, "open": no_update, "more": no_update}
        told = "Proposed by what you looked at. Check it, add a threshold, try it, and save it."
        more = bool(proposed["filter"] or proposed["group_by"])
        values = dict(_NEW) | proposed
        return {"values": values, "edited": None, "about": told, "open": True, "more": more}


def _path(search: str | None, act: str = "") -> str:
    """Return the path of the rule that an address names; raises InvalidRecord without one."""
    rule_id = read_rule_id(search)
    if rule_id is None:
        raise InvalidRecord("Choose a rule first.")
    return f"/alerts/{rule_id}/{act}" if act else f"/alerts/rules/{rule_id}"


async def _choose_ready(sources: Sources, project: str, ready: str | None) -> str:
    if not ready:
        raise InvalidRecord("Choose one of the ready rules first.")
    made = await sources.changes.send("POST", f"/alerts/ready/{ready}", project)
    return made["trial"]["cannot_fire"] or "The rule was chosen, and is evaluated at its next due time."


def _register_acts(dash: Dash, sources: Sources) -> None:
    async def act(which: str, search: str | None, hours: str, ready: str | None) -> str:
        project, send = read_view(search).project_id, sources.changes.send
        if which == "ready-choose":
            return await _choose_ready(sources, project, ready)
        if which == "alert-acknowledge":
            await send("POST", _path(search, "acknowledge"), project)
            return "It is told again only when it gets worse, and when it ends."
        if which in {"alert-snooze", "alert-wake"}:
            until = sources.queries.clock() + timedelta(hours=int(hours)) if which == "alert-snooze" else None
            body = {"until": until and until.isoformat()}
            await send("POST", _path(search, "snooze"), project, json=body)
            return "It sends no messages until then." if until else "It sends messages again."
        if which == "alert-delete":
            await send("DELETE", _path(search), project)
            return "The rule was deleted."
        rule = (await send("GET", _path(search), project))["rule"]
        await send("PUT", _path(search), project, json=rule | {"enabled": not rule["enabled"]})
        return "The rule is off." if rule["enabled"] else "The rule is on."

    @dash.callback(
        Output("alert-said", "children"),
        Input("alert-acknowledge", "n_clicks"),
        Input("alert-snooze", "n_clicks"),
        Input("alert-wake", "n_clicks"),
        Input("alert-switch", "n_clicks"),
        Input("alert-delete", "n_clicks"),
        Input("ready-choose", "n_clicks"),
        State("alert-hours", "value"),
        State("ready-name", "value"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    async def change(*given: Any) -> Any:
        hours, ready, search = given[-3:]
        try:
            return notice("Done", await act(str(ctx.triggered_id), search, hours, ready), color="teal")
        except MonitorError as error:
            return notice("Nothing was changed", error.detail)


async def _add_channel(sources: Sources, project: str, given: Mapping[str, Any]) -> str:
    made = await sources.changes.send("POST", "/alerts/channels", project, json=channel_of(given))
    secret = made.get("secret")
    return (
        f"The channel was added. Its secret is shown only now: {secret}"
        if secret
        else "The channel was added."
    )


def _register_channels(dash: Dash, sources: Sources) -> None:
    async def act(which: str, project: str, channel: str | None, given: Mapping[str, Any]) -> str:
        send = sources.changes.send
        if which == "channel-save":
            return await _add_channel(sources, project, given)
        try:
            path = f"/alerts/channels/{UUID(channel or '')}"
        except ValueError as error:
            raise InvalidRecord("Choose a channel first.") from error
        if which == "channel-test":
            sent = await send("POST", f"{path}/test", project, timeout=15)
            return f"The test is {sent['state']}. {sent['error'] or ''}".strip()
        if which == "channel-delete":
            await send("DELETE", path, project)
            return "The channel was deleted."
        enabled = (await send("GET", path, project))["enabled"]
        await send("PATCH", path, project, json={"enabled": not enabled})
        return "The channel is off." if enabled else "The channel is on."

    @dash.callback(
        output=Output("channel-said", "children"),
        inputs={
            "_clicks": [
                Input(f"channel-{name}", "n_clicks") for name in ("save", "test", "switch", "delete")
            ],
            "channel": State("channel-chosen", "value"),
            "given": {name: State(f"channel-{name}", "value") for name in CHANNEL_FIELDS},
            "search": State(URL, "search"),
        },
        prevent_initial_call=True,
    )
    async def change(_clicks: Any, channel: str | None, given: dict[str, Any], search: str | None) -> Any:
        try:
            told = await act(str(ctx.triggered_id), read_view(search).project_id, channel, given)
        except MonitorError as error:
            why = "; ".join(f"{one['field']}: {one['message']}" for one in error.errors)
            return notice("Nothing was changed", why or error.detail)
        return notice("Done", told, color="teal")
