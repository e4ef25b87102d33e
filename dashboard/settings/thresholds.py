"""Thresholds and weights, and what each threshold would have flagged on the last day."""

from __future__ import annotations

from typing import Any, Final

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update

from app.errors import MonitorError
from dashboard.data.sources import Sources
from dashboard.data.view import read_view
from dashboard.drawing.components import flag_name, notice
from dashboard.drawing.formatting import UNKNOWN
from dashboard.drawing.frame import URL
from dashboard.drawing.lists import listing
from dashboard.drawing.refusals import refusals, refused
from dashboard.drawing.threshold_effect import beyond, preview, share
from dashboard.settings.section import Asked, Section, Shown, link
from dashboard.settings.threshold_editor import (
    NO_VALUES,
    Thresholds,
    is_low,
    judged,
    policy_patch,
    shown_number,
    threshold_editor,
)

__all__ = ["SECTION"]

_FIELDS: Final = ("threshold", "weight")


async def _read(sources: Sources, asked: Asked) -> Thresholds:
    policy = await sources.changes.ask("GET", "/policy", asked.project_id)
    evaluators = policy.body["evaluators"]
    return Thresholds(
        evaluators, policy.tag, await sources.queries.scores_of_day(asked.view, judged(evaluators))
    )


def _draw(found: Thresholds, shown: Shown) -> Any:
    names = judged(found.evaluators)
    chosen = shown.fields.get("evaluator")
    rows = [_row(name, found, shown) for name in names]
    heads = ("Evaluator", "It", "Threshold", "Beyond it on the last day", "Weight in quality")
    return [
        threshold_editor(chosen, found, shown) if chosen in names and chosen else None,
        listing(
            "Thresholds",
            heads,
            rows,
            "No worker has reported its evaluators yet: start one, and they stand here.",
        ),
    ]


def _row(name: str, found: Thresholds, shown: Shown) -> list[Any]:
    one, values = found.evaluators[name], found.values.get(name, NO_VALUES)
    low = is_low(one)
    own = (
        ""
        if one["threshold"] == one["default_threshold"]
        else f"everybody: {shown_number(one['default_threshold'])}"
    )
    told = share(beyond(values, one["threshold"], low=low), len(values)) if len(values) else UNKNOWN
    weight = one["weight"] if one["category"] == "quality" else None
    return [
        dcc.Link(name, href=link(shown.search, "thresholds", evaluator=name)),
        "is low below it" if low else f"raises {flag_name(one['flag'])}" if one["flag"] else "raises no flag",
        [f"{one['threshold']:g}", html.Div(own, className="remark")],
        told,
        UNKNOWN if weight is None else f"{weight:g}",
    ]


async def _change_policy(sources: Sources, project_id: str, body: dict[str, Any], tag: str | None) -> None:
    headers = {"If-Match": tag} if tag else {}
    await sources.changes.send("PATCH", "/policy", project_id, json=body, headers=headers)


def _register(dash: Dash, sources: Sources) -> None:
    _register_preview(dash, sources)

    @dash.callback(
        output={
            "said": Output("thresholds-said", "children"),
            "done": Output("thresholds-done", "data"),
            "errors": {name: Output(f"thresholds-{name}", "error") for name in _FIELDS},
        },
        inputs={
            "clicks": {name: Input(f"thresholds-{name}", "n_clicks") for name in ("set", "reset")},
            "given": {name: State(f"thresholds-{name}", "value") for name in _FIELDS},
            "shown": State("thresholds-edited", "data"),
            "search": State(URL, "search"),
            "done": State("thresholds-done", "data"),
        },
        prevent_initial_call=True,
    )
    async def change(
        clicks: dict[str, int | None],
        given: dict[str, Any],
        shown: dict[str, Any],
        search: str | None,
        done: int,
    ) -> Any:
        nothing: dict[str, Any] = dict.fromkeys(_FIELDS)
        if not any(clicks.values()):
            return {"said": no_update, "done": no_update, "errors": nothing}
        name, now = shown["name"], shown["now"]
        body = policy_patch(name, now, given if ctx.triggered_id == "thresholds-set" else {})
        try:
            await _change_policy(sources, read_view(search).project_id, body, shown["tag"])
        except MonitorError as error:
            found, rest = refusals(error, ("thresholds", "weights"))
            errors = {field: found.get(f"{field}s") for field in _FIELDS}
            return {"said": refused(error, rest=rest), "done": no_update, "errors": errors}
        said = notice("Done", f"The threshold of {name} holds within seconds.", color="teal", closable=True)
        return {"said": said, "done": done + 1, "errors": nothing}


def _register_preview(dash: Dash, sources: Sources) -> None:
    @dash.callback(
        Output("thresholds-preview", "children"),
        Input("thresholds-threshold", "value"),
        State("thresholds-edited", "data"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    async def show(value: Any, shown: dict[str, Any], search: str | None) -> Any:
        if not isinstance(value, int | float) or not 0 < value < 1:
            return "A threshold lies above 0 and below 1."
        name, now = shown["name"], shown["now"]
        try:
            values = await sources.queries.scores_of_day(read_view(search), shown["names"])
        except MonitorError as error:
            return error.detail
        return preview(values.get(name, NO_VALUES), value, now["threshold"], low=is_low(now))


SECTION: Final = Section(
    name="thresholds",
    title="Thresholds",
    about="From its threshold on a safety score flags a call. Below its threshold a quality score is low.",
    read=_read,
    draw=_draw,
    register=_register,
    fields=("evaluator",),
)
