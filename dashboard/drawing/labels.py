"""What people say about a call, with the buttons that say it: each finding, and the whole call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dash import dcc, html

from app.reports.one_trace import OneTrace
from app.review.standing import verdicts_of
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.labels import Label
from app.schemas.traces import Trace
from dashboard.drawing.components import aria, attributes, flag_name
from dashboard.drawing.formatting import instant

__all__ = ["BEST", "PLACE", "PRESSED", "VERDICTS", "labelling", "said"]

PLACE: Final = "trace-labels"
"""The id of the part of the drawer that is drawn again after a label."""
PRESSED: Final = "trace-label"
"""The id of the store that holds the button which was pressed last."""
BEST: Final = 5
VERDICTS: Final = {"true_alarm": "True alarm", "false_alarm": "False alarm"}


def labelling(one: OneTrace) -> list[Any]:
    """Return the part of the drawer about labels; nothing for steps, which nobody labels."""
    if one.trace.kind not in COUNTED_KINDS:
        return []
    section = html.Section(said(one), id=PLACE, className="labels", **aria(label="What people say"))
    return [dcc.Store(id=PRESSED), section]


def said(one: OneTrace, problem: Any = None) -> list[Any]:
    """Return the content of that part. `problem` says why a label was not taken."""
    trace, verdicts = one.trace, verdicts_of(one.labels)
    rows = [_finding(trace, flag, verdicts.get(flag)) for flag in (*trace.flags, *trace.dismissed_flags)]
    return [
        html.H3("What people say"),
        html.Div([*rows, _whole()], className="label-rows"),
        html.Div(problem, role="status"),
        html.Ul(list(map(_label, one.labels)), className="opinions") if one.labels else None,
    ]


def _finding(trace: Trace, flag: str, verdict: str | None) -> Any:
    gone = " and does not count" if flag in trace.dismissed_flags else ""
    word = VERDICTS[verdict].lower() + gone if verdict in VERDICTS else "nobody decided yet"
    buttons = [
        _button(act, flag, name, pressed=act == verdict, about=f"{flag_name(flag)}: {name.lower()}")
        for act, name in VERDICTS.items()
    ]
    return _row(flag_name(flag), buttons, html.Span(word, **attributes(data_outcome=verdict or "")))


def _whole() -> Any:
    buttons = [
        _button("score", str(number), str(number), pressed=False, about=f"Score {number} of {BEST}")
        for number in range(BEST + 1)
    ]
    return _row("The whole call", buttons, html.Span(f"0 is bad, {BEST} is good"))


def _row(name: str, buttons: Sequence[Any], told: Any) -> Any:
    told.className = "remark"
    group = html.Span(buttons, className="acts", role="group", **aria(label=name))
    return html.Div([html.Span(name), group, told], className="label-row")


def _button(act: str, of: str, name: str, *, pressed: bool, about: str) -> Any:
    return html.Button(
        name,
        type="button",
        className="action",
        **attributes(data_label_act=act, data_label_of=of),
        **aria(pressed=str(pressed).lower(), label=about),
    )


def _label(label: Label) -> Any:
    what = (
        f"{VERDICTS.get(label.label, label.label)}: {flag_name(label.finding)}"
        if label.finding is not None
        else f"Score {label.value * BEST:.3g} of {BEST}"
    )
    place = "" if label.evidence is None else f", one place in the {label.evidence.field.replace('_', ' ')}"
    return html.Li(
        [
            html.Strong(what),
            place,
            html.Div(label.comment, className="comment") if label.comment else None,
            html.Div(
                [
                    f"{instant(label.created_at)} by {label.actor} ",
                    html.Button(
                        "Take it back",
                        type="button",
                        className="plain",
                        **attributes(data_label_act="undo", data_label_of=str(label.label_id)),
                        **aria(label=f"Take it back: {what}"),
                    ),
                ],
                className="remark",
            ),
        ]
    )
