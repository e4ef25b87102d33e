"""The rules that fill the queue of the page Review: their fields, and what is sent of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dash_mantine_components as dmc
from dash import html

__all__ = ["QUEUE_FIELDS", "queue_fields", "queue_patch"]

_SHARES: Final = {
    "near_threshold": ("Near a threshold", "calls with a value this close to one; empty: no such rule"),
    "quality_below": ("Quality below", "calls with a lower overall quality; empty: no such rule"),
    "random_share": ("Share of all calls", "drawn by chance, to find what was missed; empty: none"),
}
_CHOICES: Final = {
    "flagged": "Calls with a flag",
    "disagreeing": "Calls of which feedback says otherwise",
}
QUEUE_FIELDS: Final = (*_CHOICES, *_SHARES, "raters")
"""The names of the fields, which are those of `review` in the settings of a project."""


def queue_patch(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules as they were typed; None is no such rule."""
    return {name: typed[name] == "yes" if name in _CHOICES else typed[name] for name in QUEUE_FIELDS}


def queue_fields(review: Mapping[str, Any]) -> list[Any]:
    """Return the fields with the rules that stand."""
    return [
        html.H3("What waits for people"),
        html.P("A call waits on the page Review if one of these rules chooses it."),
        html.Div(
            [
                *(_choice(name, review[name]) for name in _CHOICES),
                *(_share(name, review[name]) for name in _SHARES),
                dmc.NumberInput(
                    id="project-raters",
                    label="People for each call",
                    description="so many label it before it waits no more",
                    value=review["raters"],
                    min=1,
                    max=10,
                    allowDecimal=False,
                ),
            ],
            className="fields",
        ),
    ]


def _choice(name: str, chosen: object) -> Any:
    return dmc.Select(
        id=f"project-{name}",
        label=_CHOICES[name],
        data=[{"value": "yes", "label": "Wait"}, {"value": "no", "label": "Do not wait for that"}],
        value="yes" if chosen else "no",
        allowDeselect=False,
    )


def _share(name: str, value: float | None) -> Any:
    label, told = _SHARES[name]
    return dmc.NumberInput(
        id=f"project-{name}",
        label=label,
        description=told,
        value="" if value is None else value,
        min=0,
        max=1,
        step=0.05,
        hideControls=True,
    )
