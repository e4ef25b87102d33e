"""The page of conversations: a list of those of the view, and one of them in order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final, NamedTuple

from dash import Dash, dcc, html

from app.reports.people import ListOrder, PeopleReport
from app.schemas.owners import Turn
from app.storage.traces.owners import MOST_TURNS, read_turns
from dashboard.data.people import TOP, read_list, read_order, read_owner
from dashboard.data.queries import Queries
from dashboard.data.sources import Sources
from dashboard.data.view import View, with_fields
from dashboard.drawing.components import aria, asking, notice
from dashboard.drawing.formatting import clip, money
from dashboard.drawing.people import order_links, people_table, top_words, turns
from dashboard.drawing.theme import Palette
from dashboard.drawing.trace_facts import linked, linker
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores
from monitoring.privacy.redaction import SESSION_ID

__all__ = ["PAGE"]

_PATH: Final = "/sessions"
_NAME: Final = "sessions"
_PAGE_TURNS: Final = 50
_FIELDS: Final = (
    "session",
    "order",
    "turn",
    "filter",
    "project",
    "period",
    "from",
    "to",
    "source",
    "compare",
)


class _Shown(NamedTuple):
    """A list of conversations in an order, or one conversation from a turn on."""

    fields: Mapping[str, str]
    order: ListOrder = "latest"
    report: PeopleReport | None = None
    session: str | None = None
    turns: tuple[Turn, ...] = ()
    begin: int = 0


def _layout() -> Any:
    return [
        asking("Sessions", "What was said, turn by turn, and what did it cost?"),
        *page_stores(_NAME),
        html.Div(id="sessions-body"),
    ]


def _register(dash: Dash, sources: Sources) -> None:
    async def read(view: View, fields: Mapping[str, str]) -> _Shown:
        return await _read(sources.queries, view, fields)

    parts = {"body": ("sessions-body", "children")}
    page = LivePage(name=_NAME, parts=parts, read=read, draw=_draw, fields=_FIELDS, pushed=False, seconds=10)
    keep_updated(dash, page)


async def _read(queries: Queries, view: View, fields: Mapping[str, str]) -> _Shown:
    session = read_owner(fields, "session")
    if session is None:
        order = read_order(fields)
        return _Shown(fields, order, await read_list(queries, view, "session_id", order))
    named = fields.get("turn", "")
    begin = min(int(named), MOST_TURNS) if named.isdecimal() and len(named) < 8 else 0  # noqa: PLR2004 longer is no place
    forms = queries.privacy.stored_forms(view.project_id, SESSION_ID, session)
    found = await queries.read(
        view.project_id,
        lambda connection: read_turns(
            connection, view.project_id, forms, view.source, begin=begin, limit=_PAGE_TURNS + 1
        ),
    )
    return _Shown(fields, session=session, turns=tuple(found), begin=begin)


def _draw(shown: _Shown, view: View, _: Palette) -> dict[str, Any]:
    search = with_fields(None, **shown.fields)
    if shown.report is not None:
        return {"body": _list(shown.report, shown.order, search, view.tz())}
    return {"body": _conversation(shown, search, view.tz())}


def _list(report: PeopleReport, order: ListOrder, search: str, zone: tzinfo) -> list[Any]:
    if not report.activities:
        return [
            order_links(order, _PATH, search),
            notice(
                "No conversation fits",
                "Calls belong to a conversation if they are sent with a session_id. Choose a longer period, or a "
                "filter with fewer conditions.",
                color="gray",
            ),
        ]
    return [
        order_links(order, _PATH, search),
        html.P(top_words(report, order, "sessions", TOP), className="remark"),
        people_table(report, "Session", "session", _PATH, search, zone),
    ]


def _conversation(shown: _Shown, search: str, zone: tzinfo) -> list[Any]:
    session = shown.session or ""
    found = shown.turns[:_PAGE_TURNS]
    back = dcc.Link("All sessions", href=f"{_PATH}{with_fields(search, session=None, turn=None)}")
    if not found:
        return [
            back,
            notice("There is no such conversation", "No stored call has this session.", color="gray"),
        ]
    costs = [turn.cost_usd for turn in found if turn.cost_usd is not None]
    errors = sum(turn.error is not None for turn in found)
    told = (
        f"Calls {shown.begin + 1:,} to {shown.begin + len(found):,} in order of time, of all periods. These cost "
        f"{money(sum(costs)) if costs else 'an unknown amount'}, and {errors or 'none'} of them failed."
    )
    return [
        back,
        html.Div(
            [
                html.H2(clip(session, 120)),
                linked("Show its traces", linker(search)("session", session)),
                _user(found[0].user_id, search),
            ],
            className="turn-head",
        ),
        html.P(told, className="remark"),
        *turns(found, shown.begin + 1, _PATH, search, zone),
        _pages(shown, search),
    ]


def _user(user: str | None, search: str) -> Any:
    if not user:
        return None
    href = f"/users{with_fields(search, user=user, session=None, turn=None, order=None)}"
    return dcc.Link(f"User {clip(user, 60)}", href=href)


def _pages(shown: _Shown, search: str) -> Any:
    links: list[Any] = []
    if shown.begin:
        before = max(0, shown.begin - _PAGE_TURNS)
        links.append(dcc.Link("Earlier calls", href=f"{_PATH}{with_fields(search, turn=str(before))}"))
    if len(shown.turns) > _PAGE_TURNS:
        after = shown.begin + _PAGE_TURNS
        links.append(dcc.Link("Later calls", href=f"{_PATH}{with_fields(search, turn=str(after))}"))
    return html.Nav(links, className="pages", **aria(label="Parts of the conversation")) if links else None


PAGE = Page(path=_PATH, title="Sessions", icon="sessions", order=60, layout=_layout, register=_register)
