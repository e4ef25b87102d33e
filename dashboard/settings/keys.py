"""Keys: who may send, read and change; made, shown once, and revoked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from dash import Dash, Input, Output, State, dcc, html

from app.errors import MonitorError
from dashboard.auth.current_identity import CURRENT_IDENTITY, is_signed_in
from dashboard.data.sources import Sources
from dashboard.data.view import read_view
from dashboard.drawing.confirmation import confirmation
from dashboard.drawing.frame import URL
from dashboard.drawing.lists import listing, moment
from dashboard.drawing.refusals import refusals, refused
from dashboard.settings.confirming import confirms
from dashboard.settings.key_form import KEY_FIELDS, first_key, key_body, key_form, made_key
from dashboard.settings.section import Asked, Section, Shown, link

__all__ = ["SECTION", "revoke_key"]


class _Found(NamedTuple):
    """All keys, whether somebody signed in, and the beginning of the key that was used for it."""

    keys: Sequence[Mapping[str, Any]]
    signed_in: bool
    own: str | None


async def _read(sources: Sources, asked: Asked) -> _Found:
    path = f"/projects/{quote(asked.project_id, safe='')}/keys"
    answer = await sources.changes.send("GET", path, asked.project_id)
    identity = CURRENT_IDENTITY.get()
    return _Found(answer["keys"], is_signed_in(), identity.session if identity else None)


def _draw(found: _Found, shown: Shown) -> Any:
    keys = found.keys
    chosen = next((key for key in keys if key["prefix"] == shown.fields.get("revoke")), None)
    rows = [_row(key, shown) for key in sorted(keys, key=lambda key: key["state"] != "active")]
    heads = ("Name", "Begins with", "May", "State", "Per minute", "Made", "Expires", "")
    return [
        None if found.signed_in else first_key(),
        _question(chosen, found.own, shown) if chosen and chosen["state"] == "active" else None,
        listing("Keys of this project", heads, rows, "There is no key yet: make one above."),
    ]


def _question(key: Mapping[str, Any], own: str | None, shown: Shown) -> Any:
    also = " You signed in with it, so you will have to sign in again." if key["prefix"] == own else ""
    return confirmation(
        "keys",
        f"Revoke the key “{key['name']}” ({key['prefix']}…)? Every program that uses it is refused within "
        f"two seconds. A revoked key cannot be brought back.{also}",
        "Revoke this key",
        link(shown.search, "keys"),
    )


def _row(key: Mapping[str, Any], shown: Shown) -> list[Any]:
    rate = key["requests_per_minute"]
    revoke = dcc.Link("Revoke …", href=link(shown.search, "keys", revoke=key["prefix"]))
    return [
        html.Bdi(key["name"]),
        html.Code(f"{key['prefix']}…"),
        ", ".join(key["scopes"]),
        key["state"],
        "no limit" if rate is None else f"{rate:,}",
        [moment(key["created_at"]), html.Div(html.Bdi(f"by {key['created_by']}"), className="remark")],
        moment(key["expires_at"]) if key["expires_at"] else "never",
        revoke if key["state"] == "active" else None,
    ]


def _register(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        output={
            "made": Output("keys-made", "children"),
            "done": Output("keys-done", "data"),
            "errors": {name: Output(f"keys-{name}", "error") for name in KEY_FIELDS},
        },
        inputs={
            "clicks": Input("keys-make", "n_clicks"),
            "given": {name: State(f"keys-{name}", "value") for name in KEY_FIELDS},
            "search": State(URL, "search"),
            "done": State("keys-done", "data"),
        },
        prevent_initial_call=True,
    )
    async def make(clicks: int | None, given: dict[str, Any], search: str | None, done: int) -> Any:
        nothing: dict[str, Any] = dict.fromkeys(KEY_FIELDS)
        if not clicks:
            return {"made": None, "done": done, "errors": nothing}
        if not is_signed_in():
            return {"made": first_key(), "done": done, "errors": nothing}
        project = read_view(search).project_id
        body = key_body(given, sources.queries.clock())
        try:
            path = f"/projects/{quote(project, safe='')}/keys"
            key = await sources.changes.send("POST", path, project, json=body)
        except MonitorError as error:
            errors, rest = refusals(error, KEY_FIELDS)
            return {"made": refused(error, rest=rest), "done": done, "errors": nothing | errors}
        return {"made": made_key(key), "done": done + 1, "errors": nothing}

    confirms(dash, sources, SECTION, revoke_key)


async def revoke_key(sources: Sources, asked: Asked) -> str:
    """Revoke the key that the address names, and say so; raises what the API refuses."""
    prefix = asked.fields.get("revoke", "")
    path = f"/projects/{quote(asked.project_id, safe='')}/keys/{quote(prefix, safe='')}"
    key = await sources.changes.send("DELETE", path, asked.project_id)
    return f"The key {key['prefix']}… is revoked. Every process refuses it within two seconds."


SECTION: Final = Section(
    name="keys",
    title="Keys",
    about="A key lets a program or a person into this project, and only into this one.",
    read=_read,
    draw=_draw,
    form=key_form,
    register=_register,
    fields=("revoke",),
)
