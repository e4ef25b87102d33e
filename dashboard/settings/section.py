"""A section of the settings: what it reads, how it is drawn, and how its changes are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from dash import Dash, Input, Output, State, dcc, html, no_update

from app.errors import Forbidden, MonitorError
from dashboard.data.changes import NotAllowed
from dashboard.data.sources import Sources
from dashboard.data.view import View, kept_fields, read_fields, read_view, with_fields
from dashboard.drawing.frame import CLOCK, PAUSED, URL
from dashboard.drawing.markup import compact
from dashboard.drawing.redraw import only_changed
from dashboard.drawing.refusals import refused

__all__ = ["PATH", "Asked", "Section", "Shown", "keep_shown", "link", "read_parts", "section_parts"]

PATH: Final = "/settings"
_LONGEST_FIELD: Final = 256


class Asked(NamedTuple):
    """What a section is asked for: a view, and those fields of the address that it reads."""

    view: View
    fields: Mapping[str, str]

    @property
    def project_id(self) -> str:
        """The project that is shown."""
        return self.view.project_id


class Shown(NamedTuple):
    """What a section is drawn with: the address, its fields, and the present moment."""

    search: str
    fields: Mapping[str, str]
    now: datetime


def _nothing(_dash: Dash, _sources: Sources) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section, chosen by `section=<name>` in the address.

    `fields` are the fields of the address that it reads besides. `form` returns what stays while
    the rest is drawn again. `read` gets what it shows, and `draw` is a pure function of that. A
    `live` section is read again at the frame's interval. `register` adds callbacks for changes.
    """

    name: str
    title: str
    about: str
    read: Callable[[Sources, Asked], Awaitable[Any]]
    draw: Callable[[Any, Shown], Any]
    form: Callable[[], Sequence[Any]] = field(default=tuple)
    register: Callable[[Dash, Sources], None] = _nothing
    fields: Sequence[str] = ()
    live: bool = False

    def fields_of(self, search: str | None) -> dict[str, str]:
        """Return those fields of an address that this section reads, each of bounded length."""
        given = read_fields(search)
        return {name: given[name][:_LONGEST_FIELD] for name in self.fields if name in given}


def section_parts(section: Section) -> list[Any]:
    """Return the layout of a section; it reads nothing."""
    name = section.name
    return [
        html.H2(section.title),
        html.P(section.about, className="remark"),
        dcc.Store(id=f"{name}-done", data=0),
        dcc.Store(id=f"{name}-drawn"),
        html.Div(id=f"{name}-said", role="status"),
        *section.form(),
        html.Div(id=f"{name}-problem", role="status"),
        html.Div(html.P("Reading …", className="remark"), id=f"{name}-shown"),
    ]


def keep_shown(dash: Dash, sources: Sources, section: Section) -> None:
    """Add the callback that draws a section for its address, and again after each change.

    What is read may be for admins alone, so nothing of it is shared between people.
    """
    name = section.name

    @dash.callback(
        output={
            "shown": Output(f"{name}-shown", "children"),
            "problem": Output(f"{name}-problem", "children"),
            "drawn": Output(f"{name}-drawn", "data"),
        },
        inputs={
            "_ticks": Input(CLOCK, "n_intervals"),
            "search": Input(URL, "search"),
            "done": Input(f"{name}-done", "data"),
            "paused": State(PAUSED, "data"),
            "drawn": State(f"{name}-drawn", "data"),
        },
    )
    async def show(
        *, search: str | None, done: int, paused: bool | None, drawn: dict[str, Any] | None, **_ticks: Any
    ) -> dict[str, Any]:
        asked = f"{search or ''} {done}"
        # What could not be read is asked for again at each tick.
        if drawn and drawn["asked"] == asked and (paused or not section.live):
            return {"shown": no_update, "problem": no_update, "drawn": no_update}
        parts = await read_parts(sources, section, search)
        if parts["problem"] is not None:
            return {**parts, "drawn": None if parts["shown"] is no_update else {"asked": asked}}
        compacted = parts | {"shown": compact(parts["shown"])}
        changed, seen = only_changed(compacted, (drawn or {}).get("parts"))
        return {**changed, "drawn": {"asked": asked, "parts": seen}}


async def read_parts(sources: Sources, section: Section, search: str | None) -> dict[str, Any]:
    """Return what a section shows for an address, and the notice where it cannot be read.

    What a person may not see disappears. Where the API is away, what is shown stays.
    """
    fields = section.fields_of(search)
    try:
        found = await section.read(sources, Asked(read_view(search), fields))
    except MonitorError as error:
        shown = None if isinstance(error, Forbidden | NotAllowed) else no_update
        return {"shown": shown, "problem": refused(error, "This cannot be shown")}
    shown = section.draw(found, Shown(search or "", fields, sources.queries.clock()))
    return {"shown": shown, "problem": None}


def link(search: str, section: str, **fields: str) -> str:
    """Return the address of a section, with what every page keeps of the present address."""
    return f"{PATH}{with_fields(kept_fields(search), section=section, **fields)}"
