"""The form for one threshold: what it would have done on the last day, and the patch it sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import dash_mantine_components as dmc
import numpy as np
from dash import dcc, html
from numpy.typing import NDArray

from dashboard.drawing.formatting import UNKNOWN
from dashboard.drawing.threshold_effect import beyond, preview
from dashboard.settings.section import Shown, link

__all__ = [
    "NO_VALUES",
    "Thresholds",
    "is_low",
    "judged",
    "policy_patch",
    "shown_number",
    "threshold_editor",
]

NO_VALUES: Final[NDArray[np.float64]] = np.zeros(0)
_STEPS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Thresholds(NamedTuple):
    """The policy by evaluator as the API shows it, its tag, and the values of the last day."""

    evaluators: Mapping[str, Mapping[str, Any]]
    tag: str | None
    values: Mapping[str, NDArray[np.float64]]


def judged(evaluators: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the names of the evaluators that have a threshold."""
    return tuple(sorted(name for name, one in evaluators.items() if one["threshold"] is not None))


def is_low(one: Mapping[str, Any]) -> bool:
    """Tell whether the values below the threshold of an evaluator are the bad ones."""
    return bool(one["category"] == "quality")


def _fields(one: Mapping[str, Any]) -> list[Any]:
    return [
        dmc.NumberInput(
            id="thresholds-threshold",
            label="Threshold",
            description=f"above 0 and below 1; for everybody {shown_number(one['default_threshold'])}",
            value=one["threshold"],
            min=0,
            max=1,
            step=0.01,
        ),
        html.Div(
            dmc.NumberInput(
                id="thresholds-weight",
                label="Weight in quality",
                description=f"0 leaves it out; for everybody {one['default_weight']:g}",
                value=one["weight"],
                min=0,
                step=0.1,
            ),
            hidden=not is_low(one),
        ),
    ]


def threshold_editor(name: str, found: Thresholds, shown: Shown) -> Any:
    """Return the form that changes the threshold of one evaluator, with what it would have done."""
    one, values = found.evaluators[name], found.values.get(name, NO_VALUES)
    low = is_low(one)
    steps = [html.Li(f"{step:g}: {beyond(values, step, low=low):,}") for step in _STEPS if len(values)]
    return html.Section(
        [
            html.H3(f"Threshold of {name}"),
            dcc.Store(
                id="thresholds-edited",
                data={"name": name, "names": judged(found.evaluators), "tag": found.tag, "now": one},
            ),
            html.Div(_fields(one), className="fields"),
            html.P(
                preview(values, one["threshold"], one["threshold"], low=low),
                id="thresholds-preview",
                role="status",
            ),
            html.Ul([html.Li("Beyond it at", className="remark"), *steps], className="steps")
            if steps
            else None,
            html.Div(
                [
                    dmc.Button("Set it", id="thresholds-set", size="xs"),
                    html.Button("As for everybody", id="thresholds-reset", className="plain"),
                    dcc.Link("Close", href=link(shown.search, "thresholds"), className="plain"),
                ],
                className="acts",
            ),
            html.P(
                "New records are judged by it within seconds. Stored ones keep their verdict.",
                className="remark",
            ),
        ],
        className="card",
    )


def policy_patch(name: str, now: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patch of the policy for what was typed; with nothing typed, the one that resets.

    A value that equals the one for everybody is no decision of the project.
    """
    body: dict[str, Any] = {"thresholds": {name: _decided(given.get("threshold"), now["default_threshold"])}}
    if is_low(now):
        body["weights"] = {name: _decided(given.get("weight"), now["default_weight"])}
    return body


def _decided(value: Any, default: float) -> Any:
    return None if value in ("", None) or value == default else value


def shown_number(value: float | None) -> str:
    """Return a threshold or weight as it was decided."""
    return UNKNOWN if value is None else f"{value:g}"
