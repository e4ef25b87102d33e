"""What people change on the page of boards, through the API."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from dash import Dash, Input, Output, State, ctx, no_update

from app.errors import InvalidRecord, MonitorError, PreconditionFailed
from dashboard.data.board_edits import (
    empty_board,
    ids_for,
    put_chart,
    read_upload,
    rearrange,
    renamed,
    title_for,
)
from dashboard.data.boards import BoardsFound
from dashboard.data.sources import Sources
from dashboard.data.view import View, read_fields, read_view, with_fields
from dashboard.drawing.address_parts import keep_part
from dashboard.drawing.board_forms import CHART_FIELDS, PUT
from dashboard.drawing.boards import NEW, boards_parts
from dashboard.drawing.browser import reveal_filled
from dashboard.drawing.components import notice
from dashboard.drawing.frame import SCHEME, URL, ZONE
from dashboard.drawing.refusals import refusals, refused
from dashboard.drawing.theme import palette, scheme_of

__all__ = ["PARTS", "register_board_changes"]

PARTS: Final = {
    "boards": ("boards-choices", "children"),
    "head": ("board-head", "children"),
    "charts": ("board-charts", "children"),
    "shown": ("board-shown", "data"),
    "offered": ("chart-board", "data"),
    "board": ("chart-board", "value"),
    "measures": ("chart-measure", "data"),
}
"""What the page shows, by the names of `boards_parts`."""
_ADDRESS: Final = dict.fromkeys(("put", "split", "where", "remove"))
_CHANGED: Final = "Somebody changed this board meanwhile. Look at it as it is now, and do it again."

Reader = Callable[[View, Mapping[str, str]], Awaitable[BoardsFound]]


class Place(NamedTuple):
    """Where a change is made: the page's address, its colours and zone, and the board it shows."""

    search: str | None
    scheme: str | None
    zone: str | None
    shown: Mapping[str, str] | None

    @property
    def project(self) -> str:
        """The project that the page shows."""
        return read_view(self.search).project_id

    def board(self) -> tuple[str, str]:
        """Return id and tag of the shown board; raises InvalidRecord without one."""
        if not self.shown:
            raise InvalidRecord("Choose a board first.")
        return self.shown["id"], self.shown["tag"]


async def change_board(
    sources: Sources, place: Place, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> str:
    """Change the shown board and return its id; raises PreconditionFailed if it is another now."""
    board_id, tag = place.board()
    found = await sources.changes.ask("GET", f"/boards/{board_id}", place.project)
    if found.tag != tag:
        raise PreconditionFailed(_CHANGED)
    headers = {"If-Match": tag}
    file = change(found.body)
    await sources.changes.send("PUT", f"/boards/{board_id}", place.project, json=file, headers=headers)
    return board_id


async def make_board(sources: Sources, project: str, file: Mapping[str, Any]) -> str:
    """Make a new board of a file and return its id, which its name gives."""
    listed = await sources.changes.send("GET", "/boards", project)
    known = {one["board_id"] for one in listed["boards"]}
    board_id = next((one for one in ids_for(str(file.get("name") or "")) if one not in known), None)
    if board_id is None:
        raise InvalidRecord("Too many boards have this name: choose another one.")
    await sources.changes.send("PUT", f"/boards/{board_id}", project, json=file)
    return board_id


def register_board_changes(dash: Dash, sources: Sources, read: Reader) -> None:
    """Add the callbacks of the forms and buttons; what they changed is drawn at once."""

    async def redraw(place: Place, board_id: str | None) -> dict[str, Any]:
        """Return the address of a board and the parts of the page."""
        search = with_fields(place.search, **_ADDRESS, board=board_id)
        view = read_view(search, place.zone)
        found = await read(view, read_fields(search))
        return {"search": search, "parts": boards_parts(found, view, palette(scheme_of(place.scheme)))}

    _register_form(dash, sources, redraw)
    _register_acts(dash, sources, redraw)
    _register_filling(dash, sources)


Redraw = Callable[[Place, "str | None"], Awaitable[dict[str, Any]]]


def _outputs() -> dict[str, Any]:
    return {
        "said": Output("boards-said", "children", allow_duplicate=True),
        "search": Output(URL, "search", allow_duplicate=True),
        "parts": {name: Output(*target, allow_duplicate=True) for name, target in PARTS.items()},
    }


def _kept(said: Any) -> dict[str, Any]:
    return {"said": said, "search": no_update, "parts": dict.fromkeys(PARTS, no_update)}


def _states() -> dict[str, Any]:
    return {
        "search": State(URL, "search"),
        "scheme": State(SCHEME, "data"),
        "zone": State(ZONE, "data"),
        "shown": State("board-shown", "data"),
    }


async def _save(
    sources: Sources, place: Place, given: Mapping[str, Any], board: str, new: str, at: int | None
) -> str:
    chart = {name: str(given.get(name) or "").strip() for name in CHART_FIELDS}
    chart["title"] = chart["title"] or title_for(chart["measure"], chart["split"])
    if at is not None:
        return await change_board(sources, place, lambda file: put_chart(file, chart, at))
    if board == NEW:
        if not new.strip():
            raise InvalidRecord("Give the new board a name first.")
        return await make_board(sources, place.project, put_chart(empty_board(new.strip()), chart))
    found = await sources.changes.ask("GET", f"/boards/{board}", place.project)
    shown = {"id": board, "tag": found.tag or ""}
    return await change_board(sources, place._replace(shown=shown), lambda file: put_chart(file, chart))


def _register_form(dash: Dash, sources: Sources, redraw: Redraw) -> None:
    @dash.callback(
        output=_outputs()
        | {
            "errors": {name: Output(f"chart-{name}", "error") for name in CHART_FIELDS},
            "open": Output("chart-form", "open", allow_duplicate=True),
            "at": Output("chart-place", "data", allow_duplicate=True),
        },
        inputs={
            "clicks": Input("chart-save", "n_clicks"),
            "given": {name: State(f"chart-{name}", "value") for name in CHART_FIELDS},
            "board": State("chart-board", "value"),
            "new": State("chart-new", "value"),
            "at": State("chart-place", "data"),
            "states": _states(),
        },
        prevent_initial_call=True,
    )
    async def keep(
        clicks: int | None,
        given: dict[str, Any],
        board: str | None,
        new: str | None,
        at: int | None,
        states: dict[str, Any],
    ) -> dict[str, Any]:
        place, nothing = Place(**states), dict.fromkeys(CHART_FIELDS)
        still = {"errors": nothing, "open": no_update, "at": no_update}
        if not clicks:
            return _kept(no_update) | still
        try:
            board_id = await _save(sources, place, given, board or NEW, new or "", at)
            said = notice("Done", "The chart is on the board.", color="teal", closable=True)
            return {"said": said, "errors": nothing, "open": False, "at": None} | await redraw(
                place, board_id
            )
        except MonitorError as error:
            errors, rest = refusals(error, CHART_FIELDS)
            return _kept(refused(error, rest=rest)) | still | {"errors": nothing | errors}


async def _act(sources: Sources, which: str, place: Place, given: Mapping[str, Any]) -> tuple[str, str]:
    """Import, rename or rearrange a board; returns what was done, and the id of the board."""
    if which == "board-import":
        file = read_upload(given["contents"])
        return "The board was imported.", await make_board(sources, place.project, file)
    if which == "board-rename":
        name = str(given["name"] or "").strip()
        board_id = await change_board(sources, place, lambda file: renamed(file, name))
        return "The board was renamed.", board_id
    act, at = str(given["told"]["act"]), int(given["told"]["place"])
    board_id = await change_board(sources, place, lambda file: rearrange(file, act, at))
    return "The chart was removed." if act == "remove" else "The chart was moved.", board_id


def _is_meant(which: str, clicks: int | None, told: Mapping[str, Any] | None) -> bool:
    if which == "board-act":
        return bool(told) and (told or {}).get("act") != "edit"
    return which == "board-import" or bool(clicks)


def _register_acts(dash: Dash, sources: Sources, redraw: Redraw) -> None:
    @dash.callback(
        output=_outputs() | {"name": Output("board-name", "value")},
        inputs={
            "clicks": Input("board-rename", "n_clicks"),
            "given": {
                "told": Input("board-act", "data"),
                "contents": Input("board-import", "contents"),
                "name": State("board-name", "value"),
            },
            "states": _states(),
        },
        prevent_initial_call=True,
    )
    async def change(clicks: int | None, given: dict[str, Any], states: dict[str, Any]) -> dict[str, Any]:
        place, which = Place(**states), str(ctx.triggered_id)
        if not _is_meant(which, clicks, given["told"]):
            return _kept(no_update) | {"name": no_update}
        try:
            told, board_id = await _act(sources, which, place, given)
            said = notice("Done", told, color="teal", closable=True)
            return {"said": said, "name": ""} | await redraw(place, board_id)
        except MonitorError as error:
            return _kept(refused(error)) | {"name": no_update}

    _register_removal(dash, sources, redraw)
    _register_export(dash, sources)


def _register_removal(dash: Dash, sources: Sources, redraw: Redraw) -> None:
    @dash.callback(
        output=_outputs(),
        inputs={"clicks": Input("board-confirm", "n_clicks"), "states": _states()},
        prevent_initial_call=True,
    )
    async def remove(clicks: int | None, states: dict[str, Any]) -> dict[str, Any]:
        place = Place(**states)
        if not clicks:
            return _kept(no_update)
        try:
            board_id, _ = place.board()
            await sources.changes.send("DELETE", f"/boards/{board_id}", place.project)
            said = notice("Done", "The board was removed.", color="teal", closable=True)
            return {"said": said} | await redraw(place, None)
        except MonitorError as error:
            return _kept(refused(error))


def _register_export(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        Output("board-file", "data"),
        Output("boards-said", "children", allow_duplicate=True),
        Input("board-export", "n_clicks"),
        State("board-shown", "data"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    async def export(clicks: int | None, shown: dict[str, str] | None, search: str | None) -> tuple[Any, Any]:
        place = Place(search, None, None, shown)
        if not clicks:
            return no_update, no_update
        try:
            board_id, _ = place.board()
            file = await sources.changes.send("GET", f"/boards/{board_id}", place.project)
        except MonitorError as error:
            return no_update, refused(error, "Nothing was exported")
        text = json.dumps(file, indent=2, ensure_ascii=False) + "\n"
        return {"content": text, "filename": f"{board_id}.json", "type": "application/json"}, None


def _register_filling(dash: Dash, sources: Sources) -> None:
    """Fill the form from an address that puts a chart on a board, or from a chart to be changed."""
    reveal_filled(dash, "chart")
    keep_part(dash, URL, PUT, ("put", "split", "where"))

    @dash.callback(
        output={
            "values": {name: Output(f"chart-{name}", "value") for name in CHART_FIELDS},
            "board": Output("chart-board", "value", allow_duplicate=True),
            "at": Output("chart-place", "data"),
            "about": Output("chart-about", "children"),
            "open": Output("chart-form", "open"),
        },
        inputs={
            "put": Input(PUT, "data"),
            "told": Input("board-act", "data"),
            "search": State(URL, "search"),
            "shown": State("board-shown", "data"),
        },
        prevent_initial_call="initial_duplicate",
    )
    async def fill(
        put: str | None, told: dict[str, Any] | None, search: str | None, shown: dict[str, str] | None
    ) -> dict[str, Any]:
        keep = {"values": dict.fromkeys(CHART_FIELDS, no_update), "board": no_update}
        keep |= dict.fromkeys(("at", "about", "open"), no_update)
        fields = read_fields(put)
        if ctx.triggered_id == "board-act" and (told or {}).get("act") == "edit":
            return await _edited(sources, search, shown, int((told or {}).get("place", -1))) or keep
        if "put" in fields and ctx.triggered_id != "board-act":
            measure, split = fields["put"], fields.get("split", "")
            values = {
                "title": title_for(measure, split),
                "measure": measure,
                "split": split,
                "filter": fields.get("where", ""),
            }
            about = "Check the chart, choose a board, and put it there."
            return keep | {"values": values, "at": None, "about": about, "open": True}
        return keep


async def _edited(
    sources: Sources, search: str | None, shown: Mapping[str, str] | None, at: int
) -> dict[str, Any] | None:
    try:
        board_id, _ = Place(search, None, None, shown).board()
        file = await sources.changes.send("GET", f"/boards/{board_id}", read_view(search).project_id)
        chart = file["charts"][at] if at >= 0 else {}
    except (MonitorError, IndexError):
        return None
    about = f"This changes the chart {chart.get('title', '')}."
    values = {name: chart.get(name, "") for name in CHART_FIELDS}
    return {"values": values, "board": board_id, "at": at, "about": about, "open": True}
