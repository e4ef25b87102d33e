"""The form that makes a key, and what is shown once when it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import dash_mantine_components as dmc
from dash import html

from app.schemas.keys import SCOPES
from dashboard.drawing.components import notice, snippet

__all__ = ["KEY_FIELDS", "first_key", "key_body", "key_form", "made_key"]

KEY_FIELDS: Final = ("name", "scopes", "requests_per_minute", "expires_at")
_MEANINGS: Final = {
    "feedback": "sends feedback and nothing else",
    "ingest": "sends records and feedback",
    "read": "sees traces, figures and alerts",
    "admin": "changes everything, and includes the others",
}
_LIVES: Final = {"": "Never", "7": "In 7 days", "30": "In 30 days", "90": "In 90 days", "365": "In a year"}
_MOST_RATE: Final = 1_000_000


def key_body(given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the body that makes a key of what was typed; `expires_at` holds a number of days."""
    body = {name: value for name, value in given.items() if value not in ("", None)}
    if days := body.pop("expires_at", None):
        body["expires_at"] = (now + timedelta(days=int(days))).isoformat()
    return {"name": "", "scopes": [], **body}


def _scopes() -> Any:
    scopes = [dmc.Checkbox(label=f"{scope}: {_MEANINGS[scope]}", value=scope, size="sm") for scope in SCOPES]
    return dmc.CheckboxGroup(
        dmc.Stack(scopes, gap=6), id="keys-scopes", label="It may", value=["ingest"], mb="sm"
    )


def key_form() -> Sequence[Any]:
    """Return the form; its inputs are called `keys-<field>`."""
    fields = [
        dmc.TextInput(
            id="keys-name",
            label="Name",
            value="",
            required=True,
            placeholder="team A",
        ),
        dmc.NumberInput(
            id="keys-requests_per_minute",
            label="Requests per minute",
            value="",
            min=1,
            max=_MOST_RATE,
            placeholder="no limit",
            hideControls=True,
        ),
        dmc.Select(
            id="keys-expires_at",
            label="Expires",
            value="",
            data=[{"value": value, "label": label} for value, label in _LIVES.items()],
            allowDeselect=False,
        ),
    ]
    return [
        html.Section(
            [
                html.H3("Make a key"),
                html.Div(fields, className="fields"),
                _scopes(),
                dmc.Button("Make the key", id="keys-make", size="xs"),
                html.Div(id="keys-made", role="status"),
            ],
            className="card",
        )
    ]


def made_key(key: Mapping[str, Any]) -> Any:
    """Return the notice with the text of a key that was just made."""
    told = [
        html.P("Copy it now: it is not stored, and nobody can show it again."),
        snippet(str(key["key"])),
    ]
    return notice(f"The key “{key['name']}” was made", told, color="teal", closable=True)


def first_key() -> Any:
    """Return what to do while no key exists."""
    told = [
        html.P(
            "As long as no key exists, everybody who reaches this machine may come in. Once one exists, "
            "everybody needs one, this page too. So make the first key on the command line, where it is "
            "not lost, and sign in with it:"
        ),
        snippet("llm-monitor keys create admin --scope admin"),
    ]
    return notice("There is no key yet", told, color="gray")
