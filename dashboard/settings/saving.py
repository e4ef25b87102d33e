"""Forms over the settings of a project: one button saves, and a loss is asked about once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update

from app.errors import InvalidRecord, MonitorError
from dashboard.data.sources import Sources
from dashboard.data.view import read_view
from dashboard.drawing.components import aria, notice
from dashboard.drawing.frame import URL
from dashboard.drawing.refusals import refusals, refused
from dashboard.settings.section import Asked

__all__ = ["ProjectForm", "ProjectState", "form_card", "names_with_values", "read_project", "saves"]

_MOST_LINES = 200


class ProjectState(NamedTuple):
    """The settings of a project as the API shows them, and their entity tag."""

    settings: Mapping[str, Any]
    tag: str | None


@dataclass(frozen=True, kw_only=True)
class ProjectForm:
    """A form over the settings of a project; the input of a field is `<name>-<field>`.

    `patch` returns the merge patch (RFC 7396) for what was typed over the settings that were shown,
    and raises InvalidRecord. `loss` returns the question to ask about a patch that takes something
    away, and None for others. `consent` are the parameters of the request after a yes.
    """

    name: str
    fields: Sequence[str]
    patch: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
    loss: Callable[[Mapping[str, Any], Mapping[str, Any]], str | None]
    consent: Mapping[str, str]
    saved: str


def _path(project_id: str) -> str:
    return f"/projects/{quote(project_id, safe='')}/settings"


async def read_project(sources: Sources, asked: Asked) -> ProjectState:
    """Return the settings of the project that is shown; raises what the API refuses."""
    answer = await sources.changes.ask("GET", _path(asked.project_id), asked.project_id)
    return ProjectState(answer.body, answer.tag)


def form_card(form: ProjectForm, state: ProjectState, children: Sequence[Any]) -> Any:
    """Return the inputs of a form with its button, and the place of its question."""
    return html.Section(
        [
            dcc.Store(id=f"{form.name}-state", data={"settings": state.settings, "tag": state.tag}),
            *children,
            dmc.Button("Save", id=f"{form.name}-save", size="xs"),
            html.Div(
                [
                    html.P(id=f"{form.name}-question"),
                    html.Button("Yes, save it", id=f"{form.name}-consent", className="plain danger"),
                ],
                id=f"{form.name}-asked",
                className="asked",
                hidden=True,
                role="alert",
                **aria(label="Please confirm"),
            ),
        ],
        className="card",
    )


def names_with_values(field: str, text: str, read: Callable[[str], Any]) -> dict[str, Any]:
    """Return names and values of lines such as `PASSWORD: mask`; blank lines do not count.

    `read` raises ValueError with a sentence. Raises InvalidRecord, with field and line.
    """
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines()[:_MOST_LINES], start=1):
        name, _, value = line.partition(":")
        if not line.strip():
            continue
        try:
            found[name.strip()] = read(value.strip())
        except ValueError as error:
            message = f"line {number}: {error}"
            raise InvalidRecord(message, errors=[{"field": field, "message": message}]) from error
    return found


async def save(
    sources: Sources,
    project_id: str,
    form: ProjectForm,
    body: Mapping[str, Any],
    tag: str | None,
    *,
    agreed: bool,
) -> None:
    """Send a patch of a form; raises what the API refuses."""
    await sources.changes.send(
        "PATCH",
        _path(project_id),
        project_id,
        json=body,
        params=dict(form.consent) if agreed else {},
        headers={"If-Match": tag} if tag else {},
    )


def _outputs(form: ProjectForm) -> dict[str, Any]:
    name = form.name
    return {
        "said": Output(f"{name}-said", "children"),
        "done": Output(f"{name}-done", "data"),
        "question": Output(f"{name}-question", "children"),
        "hidden": Output(f"{name}-asked", "hidden"),
        "errors": {field: Output(f"{name}-{field}", "error") for field in form.fields},
    }


def saves(dash: Dash, sources: Sources, form: ProjectForm) -> None:
    """Add the callback of a form."""
    name = form.name

    @dash.callback(
        output=_outputs(form),
        inputs={
            "clicks": [Input(f"{name}-save", "n_clicks"), Input(f"{name}-consent", "n_clicks")],
            "given": {field: State(f"{name}-{field}", "value") for field in form.fields},
            "state": State(f"{name}-state", "data"),
            "search": State(URL, "search"),
            "done": State(f"{name}-done", "data"),
        },
        prevent_initial_call=True,
    )
    async def change(
        clicks: Sequence[int | None],
        given: dict[str, Any],
        state: dict[str, Any],
        search: str | None,
        done: int,
    ) -> Any:
        none: dict[str, Any] = dict.fromkeys(form.fields)
        answer = {"said": no_update, "done": no_update, "question": None, "hidden": True, "errors": none}
        if not any(clicks):
            return answer
        agreed = ctx.triggered_id == f"{name}-consent"
        try:
            body = form.patch(given, state["settings"])
            question = None if agreed else form.loss(body, state["settings"])
            if question is not None:
                return answer | {"question": question, "hidden": False}
            await save(sources, read_view(search).project_id, form, body, state["tag"], agreed=agreed)
        except MonitorError as error:
            found, rest = refusals(error, form.fields)
            return answer | {"said": refused(error, rest=rest), "errors": none | found}
        return answer | {"said": notice("Saved", form.saved, color="teal", closable=True), "done": done + 1}
