"""The page on which people say which alarms are true and which are false, by keyboard."""

from __future__ import annotations

from typing import Any

import msgspec
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update

from app.errors import InvalidParameter, MonitorError
from app.storage.traces.reviewing import MOST_COUNTED
from dashboard.data.review import Entry, Hand, read_hand
from dashboard.data.reviewing import Reviewing, raiser_of
from dashboard.data.sources import Sources
from dashboard.data.view import View, read_view, with_fields
from dashboard.drawing.browser import answer_in_browser
from dashboard.drawing.components import aria, flag_name, notice
from dashboard.drawing.frame import CLOCK, URL
from dashboard.drawing.missed import missed_choices, missed_part, read_missed
from dashboard.drawing.review import (
    action,
    finding,
    key_sheet,
    nothing_left,
    open_link,
    progress_text,
    threshold_card,
    threshold_title,
)
from dashboard.page import Page

__all__ = ["PAGE"]

_HAND, _KEY, _TAB, _EFFECTS = "review-hand", "review-key", "review-tab", "review-effects"
_SUBJECT, _TICKED = "review-subject", "review-ticked"
_VERDICTS = {"t": "true_alarm", "f": "false_alarm"}
_BEST = 5
_PARTS = {
    "hand": (_HAND, "data"),
    "finding": ("review-finding", "children"),
    "said": ("review-said", "children"),
    "problem": ("review-problem", "children"),
    "subject": (_SUBJECT, "data"),
}


def _layout() -> Any:
    return [
        html.Div(
            [html.H1("Review"), html.P(id="review-progress", className="progress", role="status")],
            className="review-head",
        ),
        dcc.Store(id=_HAND),
        dcc.Store(id=_KEY),
        dcc.Store(id=_EFFECTS),
        dcc.Store(id=_TICKED),
        dcc.Store(id=_SUBJECT),
        dcc.Store(id=_TAB, storage_type="session"),
        html.Div(id="review-problem", role="status"),
        html.Div(
            id="review",
            className="review",
            children=[
                html.Section(
                    [
                        html.Div(nothing_left(asked=False), id="review-finding"),
                        html.P(id="review-said", className="said", role="status"),
                        html.Div(_actions(), className="actions", role="group", **aria(label="Decide")),
                    ],
                    className="card",
                    **aria(label="The finding"),
                ),
                html.Section(
                    threshold_card(),
                    id="review-threshold-card",
                    className="card",
                    hidden=True,
                    **aria(label="Threshold"),
                ),
            ],
        ),
        key_sheet(),
    ]


def _actions() -> list[Any]:
    return [
        action("t", "True alarm"),
        action("f", "False alarm"),
        html.Span(
            [
                "Score",
                *(
                    html.Span([action(str(number), "", shown=str(number))], title=f"{number} of {_BEST}")
                    for number in range(_BEST + 1)
                ),
            ],
            className="scale",
        ),
        action("u", "Undo"),
        action("s", "Skip"),
        action("k", "Previous"),
        action("j", "Next"),
        action("o", "Trace"),
        action("?", "Keys"),
    ]


def _register(dash: Dash, sources: Sources) -> None:
    reviewing = Reviewing(sources)
    _register_browser(dash)
    _register_threshold(dash, reviewing)

    @dash.callback(
        output={name: Output(*target) for name, target in _PARTS.items()},
        inputs={
            "search": Input(URL, "search"),
            "pressed": Input(_KEY, "data"),
            "tab": Input(_TAB, "data"),
            "kept": State(_HAND, "data"),
        },
    )
    async def review(*, search: str | None, pressed: Any, tab: Any, kept: Any) -> dict[str, Any]:
        same = dict.fromkeys(_PARTS, no_update)
        hand = read_hand(kept)
        asked = with_fields(search, trace=None)
        opened = not hand.turn or hand.asked != asked
        key = str((pressed or {}).get("key", "")) if ctx.triggered_id == _KEY else ""
        if not tab or not (opened or key):
            return same
        if opened:
            hand, key = Hand(asked=asked, turn=hand.turn), ""
        view = read_view(search)
        turned = msgspec.structs.replace(hand, turn=hand.turn + 1)
        try:
            hand, said = await _answer(reviewing, view, turned, key, str(tab))
            return same | await _draw(reviewing, view, hand, search) | {"said": said, "problem": None}
        except InvalidParameter as error:
            problem = notice("This cannot be shown", error.detail)
        except MonitorError as error:
            problem = notice(error.title, error.detail)
        return same | {"hand": msgspec.to_builtins(turned), "problem": problem}


def _register_threshold(dash: Dash, reviewing: Reviewing) -> None:
    @dash.callback(
        Output("review-progress", "children"),
        Output(_EFFECTS, "data"),
        Output("review-threshold-card", "hidden"),
        Output("review-threshold-title", "children"),
        Output("review-threshold", "value"),
        Input(_HAND, "data"),
        State(_SUBJECT, "data"),
        State(_EFFECTS, "data"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    async def count(_: Any, subject: Any, shown: Any, search: str | None) -> Any:
        view = read_view(search)
        try:
            progress = progress_text(await reviewing.progress(view), MOST_COUNTED)
            found = await reviewing.effects(view, str(subject)) if subject else None
        except MonitorError:
            return (no_update,) * 5  # the finding is shown, and a notice says why
        if found is None:
            return progress, None, True, no_update, no_update
        evaluator, policy = found.evaluator, found.policy
        effects = {"evaluator": evaluator, "at": policy.threshold, **msgspec.to_builtins(found.of)}
        known = isinstance(shown, dict) and all(
            shown.get(name) == effects[name] for name in ("evaluator", "at")
        )
        value = no_update if known else policy.threshold
        return progress, effects, False, threshold_title(evaluator), value

    _register_setting(dash, reviewing)


def _register_setting(dash: Dash, reviewing: Reviewing) -> None:
    @dash.callback(
        Output("review-set-said", "children"),
        Input("review-set", "n_clicks"),
        State("review-threshold", "value"),
        State(_EFFECTS, "data"),
        State(URL, "search"),
        prevent_initial_call=True,
    )
    async def set_threshold(clicks: int | None, value: Any, effects: Any, search: str | None) -> Any:
        if not clicks or not effects:
            return no_update
        try:
            threshold = round(float(value), 2)
            await reviewing.set_threshold(read_view(search), str(effects["evaluator"]), threshold)
        except MonitorError as error:
            return notice(error.title, error.detail)
        return f"The threshold is {threshold:.2f} for calls that are scored from now on."


def _register_browser(dash: Dash) -> None:
    answer_in_browser(
        dash,
        ClientsideFunction("review", "identify"),
        Output(_TAB, "data"),
        Input(_TAB, "modified_timestamp"),
        State(_TAB, "data"),
    )
    answer_in_browser(dash, ClientsideFunction("review", "answered"), Input(_HAND, "data"))
    answer_in_browser(
        dash,
        ClientsideFunction("review", "refill"),
        Output(_TICKED, "data"),
        Input(CLOCK, "n_intervals"),
        State(_HAND, "data"),
    )
    answer_in_browser(
        dash,
        ClientsideFunction("review", "preview"),
        Output("review-preview", "children"),
        Input("review-threshold", "value"),
        Input(_EFFECTS, "data"),
    )


async def _answer(reviewing: Reviewing, view: View, hand: Hand, key: str, tab: str) -> tuple[Hand, str]:
    """Return the hand after a key, with more calls where it ran out, and a sentence about it."""
    entry, said = hand.entry, ""
    match key:
        case "j" | "k":
            hand = hand.move(1 if key == "j" else -1)
        case "u" if hand.done:
            last = hand.done[-1]
            await reviewing.take_back(view, last.trace_id, last.label_id)
            hand, said = hand.undo(), "The last label was taken back."
        case "s" if entry is not None:
            hand, said = hand.decide("skipped"), "Skipped."
        case "t" | "f" if entry is not None:
            hand, said = await _decide(reviewing, view, hand, entry, _VERDICTS[key])
        case "0" | "1" | "2" | "3" | "4" | "5" if entry is not None:
            hand, said = await _score(reviewing, view, hand, entry, int(key))
        case _ if entry is not None and (name := read_missed(key)):
            hand, said = await _note_missed(reviewing, view, hand, entry, name)
    if hand.entry is None and key != "k":
        hand = await reviewing.claim(view, hand, tab)
    return hand, said


async def _decide(
    reviewing: Reviewing, view: View, hand: Hand, entry: Entry, verdict: Any
) -> tuple[Hand, str]:
    if entry.flag is None:
        return hand, "This call has no finding. Press 0 to 5 to score it."
    label_id = await reviewing.label(view, entry, finding=entry.flag, verdict=verdict)
    return hand.decide(verdict, label_id, entry.flag), f"Marked as a {verdict.replace('_', ' ')}."


async def _score(reviewing: Reviewing, view: View, hand: Hand, entry: Entry, stars: int) -> tuple[Hand, str]:
    label_id = await reviewing.label(view, entry, score=stars / _BEST)
    if entry.flag is None:
        return hand.decide("score", label_id), f"Scored {stars} of {_BEST}."
    return hand.note(label_id), f"The call is scored {stars} of {_BEST}. Its finding still waits."


async def _note_missed(
    reviewing: Reviewing, view: View, hand: Hand, entry: Entry, name: str
) -> tuple[Hand, str]:
    trace, policies = await reviewing.trace(view, entry.trace_id)
    if trace is None or name not in missed_choices(trace, policies):
        return hand, "This evaluator cannot have missed anything here."
    label_id = await reviewing.label(view, entry, finding=name, verdict="true_alarm")
    said = f"Noted that {flag_name(name)} missed this call."
    if entry.flag is None:
        return hand.decide("missed", label_id, name), said
    return hand.note(label_id, name), f"{said} Its finding still waits."


async def _draw(reviewing: Reviewing, view: View, hand: Hand, search: str | None) -> dict[str, Any]:
    parts: dict[str, Any] = {"hand": msgspec.to_builtins(hand), "subject": None}
    entry = hand.entry
    if entry is None:
        return parts | {"finding": nothing_left(asked=True)}
    trace, policies = await reviewing.trace(view, entry.trace_id)
    link = open_link(f"/review{with_fields(search, trace=str(entry.trace_id))}")
    if trace is None:
        return parts | {"finding": [html.P("This call was deleted meanwhile."), link]}
    evaluator = raiser_of(trace, entry.flag, policies)
    policy = policies.evaluators[evaluator] if policies and evaluator else None
    shown = finding(trace, entry.flag, evaluator, policy, entry.outcome)
    missed = missed_part(trace, missed_choices(trace, policies))
    return parts | {"finding": [*shown, *missed, link], "subject": evaluator}


PAGE = Page(path="/review", title="Review", icon="review", order=80, layout=_layout, register=_register)
