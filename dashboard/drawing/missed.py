"""What an evaluator should have found in a call: the buttons of the page Review that say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dash import html

from app.policies import PolicyReport
from app.schemas.traces import Trace
from dashboard.drawing.components import aria, attributes, flag_name
from dashboard.drawing.formatting import score
from monitoring.models import Score

__all__ = ["missed_choices", "missed_key", "missed_part", "read_missed"]

_KEY: Final = "m:"


def missed_choices(trace: Trace, policies: PolicyReport | None) -> list[str]:
    """Return the evaluators that can flag a call, have a score of it, and did not flag it."""
    if policies is None:
        return []
    raised = {*trace.hits, *trace.dismissed_hits}
    return [
        name
        for name, policy in policies.evaluators.items()
        if policy.flag and name not in raised and _value(trace, name) is not None
    ]


def missed_part(trace: Trace, choices: Sequence[str]) -> list[Any]:
    """Return the buttons for what was missed; nothing without choices."""
    if not choices:
        return []
    return [
        html.Details(
            [
                html.Summary([html.Kbd("m", **aria(hidden="true")), " Something was missed"]),
                html.P("Which evaluator should have flagged this call?", className="remark"),
                html.Div(
                    [_button(trace, name) for name in choices],
                    className="acts",
                    role="group",
                    **aria(label="What was missed"),
                ),
            ],
            id="review-missed",
            className="missed",
        )
    ]


def missed_key(name: str) -> str:
    """Return what a button sends in place of a key."""
    return f"{_KEY}{name}"


def read_missed(key: str) -> str | None:
    """Return the evaluator that a button named, None for other keys."""
    return key.removeprefix(_KEY) if key.startswith(_KEY) else None


def _button(trace: Trace, name: str) -> Any:
    return html.Button(
        f"{flag_name(name)}, score {score(_value(trace, name))}",
        type="button",
        className="action",
        **attributes(data_review_key=missed_key(name)),
    )


def _value(trace: Trace, name: str) -> float | None:
    found = trace.scores.get(name)
    return found.value if isinstance(found, Score) else None
