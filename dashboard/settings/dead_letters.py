"""Dead letters: records that were given up, why, and what can be done about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from dash import Dash, Input, Output, State, dcc, html, no_update

from app.errors import MonitorError
from dashboard.data.sources import Sources
from dashboard.data.view import read_view
from dashboard.drawing.components import notice
from dashboard.drawing.confirmation import confirmation
from dashboard.drawing.formatting import clip
from dashboard.drawing.frame import URL
from dashboard.drawing.lists import facts, listing, moment
from dashboard.drawing.refusals import refused
from dashboard.settings.confirming import confirms
from dashboard.settings.dead_letter_acts import delete_letters, letter_id, replay_letters
from dashboard.settings.section import Asked, Section, Shown, link

__all__ = ["SECTION"]

_PAGE: Final = 50
_LONGEST_DETAIL: Final = 300
_LONGEST_RECORD: Final = 20_000
_REASONS: Final = {
    "process_died": "the worker died three times while it scored the record",
    "deadline": "scoring the record took too long",
    "unreadable": "this version cannot read the record; replaying it changes nothing",
}


class _Found(NamedTuple):
    letters: Sequence[Mapping[str, Any]]
    following: str | None
    chosen: Mapping[str, Any] | None


async def _read(sources: Sources, asked: Asked) -> _Found:
    parameters = {
        "limit": str(_PAGE),
        **({"cursor": asked.fields["after"]} if "after" in asked.fields else {}),
    }
    send, project = sources.changes.send, asked.project_id
    page = await send("GET", "/pipeline/dead", project, params=parameters)
    chosen = None
    if "letter" in asked.fields:
        chosen = await send("GET", f"/pipeline/dead/{letter_id(asked)}", project)
    return _Found(page["dead_letters"], page["next"], chosen)


def _draw(found: _Found, shown: Shown) -> Any:
    heads = ("Given up, in UTC", "Why", "Details", "Tries", "Last replay")
    empty = "There is no dead letter. Records that cannot be scored or stored would be kept here."
    following = found.following
    return [
        _chosen(found.chosen, shown) if found.chosen else _all(found, shown),
        listing("Dead letters", heads, [_row(letter, shown) for letter in found.letters], empty),
        html.Div(
            dcc.Link("Older", href=link(shown.search, "dead-letters", after=following)), className="pages"
        )
        if following
        else None,
    ]


def _all(found: _Found, shown: Shown) -> Any:
    if not found.letters:
        return None
    if shown.fields.get("act") == "delete-all":
        return confirmation(
            "dead-letters",
            "Delete all dead letters of this project, with their records? They cannot be brought back.",
            "Delete all dead letters",
            link(shown.search, "dead-letters"),
        )
    return html.Div(
        [
            html.Button("Replay all", id="dead-letters-replay", className="plain"),
            dcc.Link(
                "Delete all …",
                href=link(shown.search, "dead-letters", act="delete-all"),
                className="plain danger",
            ),
            html.Span(
                "Replaying queues those again that were never replayed, 100 at a time.", className="remark"
            ),
        ],
        className="acts",
    )


def _chosen(letter: Mapping[str, Any], shown: Shown) -> Any:
    trace_id = str(letter["trace_id"])
    if shown.fields.get("act") == "delete":
        acts = confirmation(
            "dead-letters",
            f"Delete the dead letter {trace_id} with its record? It cannot be brought back.",
            "Delete this dead letter",
            link(shown.search, "dead-letters", letter=trace_id),
        )
    else:
        remove = link(shown.search, "dead-letters", letter=trace_id, act="delete")
        acts = html.Div(
            [
                html.Button("Replay it", id="dead-letters-replay", className="plain"),
                dcc.Link("Delete it …", href=remove, className="plain danger"),
                dcc.Link("Close", href=link(shown.search, "dead-letters"), className="plain"),
            ],
            className="acts",
        )
    return html.Section(
        [
            html.H3("The record that was given up"),
            acts,
            facts(
                [
                    ("Trace", html.Code(trace_id)),
                    ("Why", _why(letter)),
                    ("Details", html.Bdi(letter["detail"])),
                ]
            ),
            html.Pre(_record(letter), className="text", tabIndex="0"),
        ],
        className="card",
    )


def _record(letter: Mapping[str, Any]) -> str:
    record = letter.get("record")
    text = (
        str(letter.get("payload", "")) if record is None else json.dumps(record, indent=2, ensure_ascii=False)
    )
    left = len(text) - _LONGEST_RECORD
    return text if left <= 0 else f"{text[:_LONGEST_RECORD]}\n… and {left:,} more characters"


def _row(letter: Mapping[str, Any], shown: Shown) -> list[Any]:
    return [
        dcc.Link(
            moment(letter["created_at"]),
            href=link(shown.search, "dead-letters", letter=str(letter["trace_id"])),
        ),
        _why(letter),
        html.Bdi(clip(str(letter["detail"]), _LONGEST_DETAIL)),
        str(letter["attempts"]),
        moment(letter["replayed_at"]) if letter["replayed_at"] else "never",
    ]


def _why(letter: Mapping[str, Any]) -> Any:
    reason = str(letter["reason"])
    told = _REASONS.get(reason, "scoring or storing it raised this error")
    return [html.Strong(clip(reason, _LONGEST_DETAIL)), html.Div(told, className="remark")]


def _register(dash: Dash, sources: Sources) -> None:
    confirms(dash, sources, SECTION, delete_letters)

    @dash.callback(
        Output("dead-letters-said", "children", allow_duplicate=True),
        Output("dead-letters-done", "data"),
        Input("dead-letters-replay", "n_clicks"),
        State(URL, "search"),
        State("dead-letters-done", "data"),
        prevent_initial_call=True,
    )
    async def replay(clicks: int | None, search: str | None, done: int) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        asked = Asked(read_view(search), SECTION.fields_of(search))
        try:
            told = await replay_letters(sources, asked)
        except MonitorError as error:
            return refused(error), no_update
        return notice("Replayed", told, color="teal", closable=True), done + 1


SECTION: Final = Section(
    name="dead-letters",
    title="Dead letters",
    about="A record that fails again and again while everything around it works is kept here, whole.",
    read=_read,
    draw=_draw,
    register=_register,
    fields=("after", "letter", "act"),
    live=True,
)
