"""The page that lists the traces of a view, in a table that reads on while it is scrolled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from app.errors import InvalidParameter, Overloaded, Unavailable
from app.schemas.ids import minted_at
from app.storage.engine import Connection
from app.storage.traces.listing import MOST_COUNTED, count_traces, read_values
from app.storage.traces.reading import FoundTraces, read_bounded_page
from dashboard.data.listed import filtered_flags, listed, read_columns, read_id
from dashboard.data.queries import Queries
from dashboard.data.sources import Sources
from dashboard.data.view import View, read_fields, read_view
from dashboard.dataset_making import register_making
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.columns_menu import columns_menu, register_columns
from dashboard.drawing.components import chart_links, notice, unread
from dashboard.drawing.dataset_making import making_menu
from dashboard.drawing.drawer import opens_traces
from dashboard.drawing.export_menu import TRACES_PATH, export_menu, follow_address
from dashboard.drawing.formatting import period_text
from dashboard.drawing.frame import URL
from dashboard.drawing.theme import Palette
from dashboard.drawing.trace_columns import listed_value
from dashboard.drawing.traces import ROWS, older_texts, trace_rows, trace_table
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores

__all__ = ["PAGE"]

_NAME: Final = "found"
_SECONDS: Final = 4.0
_PLACES: Final = "found-places"
_EXPORT: Final = "found-export"
_PARTS: Final = {
    "sum": ("found-sum", "children"),
    "empty": ("found-empty", "children"),
    "newest": ("found-newest", "data"),
}


class _Found(NamedTuple):
    """How many traces the list has (None if that takes too long), and the id of its first.

    Without `is_whole`, older texts were not searched.
    """

    number: int | None
    newest: str | None
    is_whole: bool = True


def _layout() -> Any:
    return [
        html.H1("Traces", className="unseen"),
        *page_stores(_NAME),
        dcc.Store(id="found-newest"),
        dcc.Store(id=_PLACES),
        html.Div(
            [
                html.Div(id="found-sum", className="remark", role="status"),
                html.Button("Show newer traces", id="found-newer", className="quiet-button", hidden=True),
                chart_links("listed", boards=False),
                columns_menu(),
                making_menu(),
                export_menu(lambda form: f"{TRACES_PATH}?format={form}", name=_EXPORT),
            ],
            className="list-head",
        ),
        html.Div(id="found-refused", role="status"),
        html.Div(id="found-empty", role="status"),
        html.Section(
            [trace_table(_NAME, height="max(420px, calc(100dvh - 190px))", endless=True)], className="card"
        ),
    ]


def _register(dash: Dash, sources: Sources) -> None:
    queries = sources.queries
    keep_updated(
        dash,
        LivePage(
            name=_NAME,
            parts=_PARTS,
            read=lambda view, _: _read(queries, view),
            draw=_draw,
            seconds=_SECONDS,
        ),
    )
    opens_traces(dash, _NAME, URL)
    register_columns(dash, _NAME, URL)
    follow_address(dash, URL, _EXPORT)
    register_making(dash, sources, URL)
    answer_in_browser(
        dash,
        ClientsideFunction("traces", "readAgain"),
        Output("found-newer", "hidden"),
        Input(URL, "search"),
        Input("found-newest", "data"),
        Input("found-newer", "n_clicks"),
    )

    @dash.callback(
        Output(_NAME, "getRowsResponse"),
        Output(_PLACES, "data"),
        Output("found-refused", "children"),
        Input(_NAME, "getRowsRequest"),
        State(URL, "search"),
        State(_PLACES, "data"),
    )
    async def read_on(
        request: dict[str, Any] | None, search: str | None, places: dict[str, Any] | None
    ) -> tuple[Any, Any, Any]:
        if not request:
            return no_update, no_update, no_update
        begin = request.get("startRow")
        return await _read_on(queries, begin if isinstance(begin, int) else 0, search, places)


async def _read(queries: Queries, view: View) -> _Found:
    chosen = listed(view, queries.clock(), queries.privacy)

    async def question(connection: Connection) -> _Found:
        number = await count_traces(connection, view.project_id, chosen)
        newest = await read_bounded_page(connection, view.project_id, chosen, limit=1)
        found = str(newest.rows[0].trace_id) if newest.rows else None
        return _Found(number, found, newest.searched_to is None)

    return await queries.read(view.project_id, question)


def _draw(found: _Found, view: View, _: Palette) -> dict[str, Any]:
    empty = notice(
        "No trace fits",
        "Choose a longer period, or a filter with fewer conditions. A text is searched by a filter such as "
        'prompt ~ "refund".',
        color="gray",
    )
    return {
        "sum": _sum(found.number, view),
        "empty": None if found.newest or not found.is_whole else empty,
        "newest": found.newest,
    }


def _sum(number: int | None, view: View) -> str:
    if number is None:
        told = "Many traces"
    elif number > MOST_COUNTED:
        told = f"More than {MOST_COUNTED:,} traces"
    else:
        told = f"{number:,} trace{'' if number == 1 else 's'}"
    when = "of the chosen time" if view.start else f"of the last {period_text(view.period)}"
    return f"{told} {when}, newest received first"


async def _read_on(
    queries: Queries, begin: int, search: str | None, places: Mapping[str, Any] | None
) -> tuple[Any, Any, Any]:
    """Return the rows from a place on, the places known then, and what hindered.

    A place is known by the id of the trace before it, so that no rows are skipped by counting.
    """
    asked = _list_of(search)
    known = dict(places or {}) if (places or {}).get("list") == asked else {"list": asked}
    before = read_id(known.get(str(begin)))
    if begin and before is None:
        return {"rowData": [], "rowCount": begin}, no_update, no_update
    try:
        page, shown = await _read_rows(queries, search, before)
    except (Overloaded, Unavailable) as error:
        return {"rowData": [], "rowCount": begin}, None, unread(error, "This page continues by itself.")
    except InvalidParameter as error:
        refused = notice("Too much to look through", error.detail)
        return {"rowData": [], "rowCount": begin}, None, refused
    last = len(page.rows) <= ROWS
    if not last:
        known[str(begin + ROWS)] = str(page.rows[ROWS - 1].trace_id)
    answer = {"rowData": shown, "rowCount": begin + len(shown) if last else None}
    return answer, known, _searched(queries, search, page.searched_to) if last else None


def _searched(queries: Queries, search: str | None, reached: UUID | None) -> Any:
    if reached is None:
        return None
    return older_texts(search, read_view(search).window(queries.clock()).start, minted_at(reached))


async def _read_rows(
    queries: Queries, search: str | None, before: Any
) -> tuple[FoundTraces, list[dict[str, Any]]]:
    view, columns = read_view(search), read_columns(read_fields(search).get("columns"))
    now = queries.clock()
    chosen = listed(view, now, queries.privacy)

    async def question(connection: Connection) -> tuple[FoundTraces, Any]:
        page = await read_bounded_page(connection, view.project_id, chosen, before=before, limit=ROWS + 1)
        rows = page.rows
        lacking = [name for name in columns if rows and not listed_value(rows[0], name)[0]]
        ids = [row.trace_id for row in rows]
        return page, await read_values(connection, view.project_id, ids, lacking)

    page, further = await queries.read(view.project_id, question)
    return page, trace_rows(page.rows[:ROWS], now, columns, further, filtered_flags(chosen))


def _list_of(search: str | None) -> str:
    """Return the part of an address that decides what a list shows."""
    fields = read_fields(search)
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "trace")


PAGE = Page(path="/traces", title="Traces", icon="list", order=50, layout=_layout, register=_register)
