"""The page of users: what each did and cost, and the erasure of one user's data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update

from app.errors import MonitorError
from app.reports.people import ListOrder, PeopleReport
from app.schemas.owners import Activity
from app.storage.traces.listing import MOST_COUNTED, count_of_user
from app.storage.traces.owners import MOST_OF_OWNER, read_activity
from dashboard.data.people import TOP, read_list, read_order, read_owner
from dashboard.data.queries import Queries
from dashboard.data.sources import Sources
from dashboard.data.view import View, read_fields, read_view, with_condition, with_fields
from dashboard.drawing.components import asking, flag_name, notice
from dashboard.drawing.formatting import clip, money, score
from dashboard.drawing.frame import URL
from dashboard.drawing.people import order_links, people_table, top_words
from dashboard.drawing.theme import Palette
from dashboard.drawing.trace_facts import linked, linker
from dashboard.page import Page
from dashboard.updating import LivePage, keep_updated, page_stores
from monitoring.privacy.redaction import USER_ID

__all__ = ["PAGE"]

_PATH: Final = "/users"
_NAME: Final = "users"
_FIELDS: Final = ("user", "order", "filter", "project", "period", "from", "to", "source", "compare")
_PARTS: Final = {
    "body": ("users-body", "children"),
    "eraser": ("users-eraser", "hidden"),
    "question": ("erase-question", "children"),
}


class _Shown(NamedTuple):
    """A list of users in an order, or one user with the number of all their calls."""

    fields: Mapping[str, str]
    order: ListOrder = "latest"
    report: PeopleReport | None = None
    user: str | None = None
    activity: Activity | None = None
    stored: int | None = 0


def _layout() -> Any:
    return [
        asking("Users", "Who is served how well, how safely, and at what cost?"),
        *page_stores(_NAME),
        html.Div(id="erase-answer", role="status"),
        html.Div(id="users-body"),
        html.Div(
            [
                html.Button("Erase this user's data…", id="erase-ask", className="quiet-button danger"),
                dmc.Modal(
                    id="erase-modal",
                    title="Erase a user's data",
                    opened=False,
                    closeButtonProps={"aria-label": "Close"},
                    children=[
                        html.Div(id="erase-question"),
                        dmc.Group(
                            [
                                html.Button("Keep it", id="erase-keep", className="quiet-button"),
                                html.Button("Erase", id="erase-do", className="quiet-button danger"),
                            ],
                            justify="flex-end",
                            mt="md",
                        ),
                    ],
                ),
            ],
            id="users-eraser",
            hidden=True,
        ),
    ]


def _register(dash: Dash, sources: Sources) -> None:
    async def read(view: View, fields: Mapping[str, str]) -> _Shown:
        return await _read(sources.queries, view, fields)

    keep_updated(
        dash,
        LivePage(name=_NAME, parts=_PARTS, read=read, draw=_draw, fields=_FIELDS, pushed=False, seconds=10),
    )

    @dash.callback(
        Output("erase-modal", "opened"),
        Input("erase-ask", "n_clicks"),
        Input("erase-keep", "n_clicks"),
        Input("erase-answer", "children"),
        State("erase-modal", "opened"),
        prevent_initial_call=True,
    )
    def ask(asked: int | None, _kept: int | None, _answer: Any, opened: bool) -> bool:  # noqa: FBT001 Dash passes it by place
        return bool(asked) and not opened

    @dash.callback(
        Output("erase-answer", "children"),
        Input("erase-do", "n_clicks"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    async def erase(clicks: int | None, search: str | None) -> Any:
        user = read_owner(read_fields(search), "user")
        if not clicks or user is None:
            return no_update
        return await _erase(sources, read_view(search).project_id, user)


async def _erase(sources: Sources, project_id: str, user: str) -> Any:
    # Dots are written out, because a client would take two of them for the folder above.
    path = f"/users/{quote(user, safe='').replace('.', '%2E')}"
    try:
        job = await sources.changes.send("DELETE", path, project_id)
    except MonitorError as error:
        return notice("Nothing was erased", error.detail)
    said = (
        f"The data of {clip(user, 80)} is being erased by the job {job['job_id']}. The lists and figures follow "
        "within a minute or so; what still waits in the queue is erased too."
    )
    return notice("Erasure has begun", said, color="gray")


async def _read(queries: Queries, view: View, fields: Mapping[str, str]) -> _Shown:
    user = read_owner(fields, "user")
    if user is None:
        order = read_order(fields)
        return _Shown(fields, order, await read_list(queries, view, "user_id", order))
    forms = queries.privacy.stored_forms(view.project_id, USER_ID, user)
    chosen = view.chosen(queries.clock(), queries.privacy)
    found = await queries.read(
        view.project_id, lambda connection: read_activity(connection, chosen, "user_id", forms)
    )
    stored = await queries.read(
        view.project_id, lambda connection: count_of_user(connection, view.project_id, forms)
    )
    return _Shown(fields, user=user, activity=found[0] if found else None, stored=stored)


def _draw(shown: _Shown, view: View, _: Palette) -> dict[str, Any]:
    search = with_fields(None, **shown.fields)
    if shown.report is not None:
        return {"body": _list(shown.report, shown.order, search, view.tz()), "eraser": True, "question": None}
    return {
        "body": _one(shown, search),
        "eraser": shown.stored == 0,
        "question": _question(shown, view.project_id),
    }


def _list(report: PeopleReport, order: ListOrder, search: str, zone: tzinfo) -> list[Any]:
    if not report.activities:
        said = (
            "Calls belong to a user if they are sent with a user_id. Choose a longer period, or a filter with "
            "fewer conditions."
        )
        return [order_links(order, _PATH, search), notice("No user fits", said, color="gray")]
    return [
        order_links(order, _PATH, search),
        html.P(top_words(report, order, "users", TOP), className="remark"),
        people_table(report, "User", "user", _PATH, search, zone),
    ]


def _one(shown: _Shown, search: str) -> list[Any]:
    user, one = shown.user or "", shown.activity
    back = dcc.Link("All users", href=f"{_PATH}{with_fields(search, user=None)}")
    link = linker(search)("user", user)
    sessions = with_fields(with_condition(search, "user", user) if link else search, user=None, order=None)
    heading = html.Div(
        [
            html.H2(clip(user, 120)),
            linked("Show their traces", link),
            dcc.Link("Show their sessions", href=f"/sessions{sessions}"),
        ],
        className="turn-head",
    )
    if one is None:
        return [back, heading, html.P("No call in the chosen period.", className="remark")]
    more = "the newest " if one.calls >= MOST_OF_OWNER else ""
    cost = f"{money(one.cost_usd)} ({one.priced:,} priced)" if one.priced else "an unknown amount"
    flagged = f"; flags: {', '.join(map(flag_name, one.flags))}" if one.flags else "; no flag"
    told = (
        f"In the chosen period: {more}{one.calls:,} calls cost {cost}, quality {score(one.average_quality)} on "
        f"average and {score(one.worst_quality)} at worst, {one.errors:,} failed{flagged}."
    )
    return [back, heading, html.P(told)]


def _question(shown: _Shown, project_id: str) -> list[Any]:
    number = shown.stored
    calls = (
        f"more than {MOST_COUNTED:,} calls"
        if number is None or number > MOST_COUNTED
        else f"{number:,} call{'' if number == 1 else 's'}"
    )
    return [
        html.P(
            [
                "This erases ",
                html.Strong(calls),
                " of ",
                html.Strong(clip(shown.user or "", 200)),
                (
                    f" in the project {project_id}, of all periods: their texts, scores, feedback, dead letters, and "
                    "their share of all figures."
                ),
            ]
        ),
        html.P("It cannot be undone."),
    ]


PAGE = Page(path=_PATH, title="Users", icon="users", order=70, layout=_layout, register=_register)
