"""The forms that make a dataset of listed calls, and that add one call to a dataset."""

from __future__ import annotations

from typing import Any, Final

import dash_mantine_components as dmc
from dash import dcc, html

from app.reports.one_trace import OneTrace
from app.schemas.datasets import MOST_CALLS
from app.schemas.kinds import COUNTED_KINDS

__all__ = ["REFERENCES", "adding", "making_menu"]

REFERENCES: Final = {"none": "nothing", "response": "the response", "recorded": "the recorded reference"}
_LONGEST: Final = 20_000


def making_menu() -> Any:
    """Return the button of the list of traces that folds out the form for a dataset."""
    limit = dmc.NumberInput(
        id="make-limit", label="The newest calls, at most", value=100, min=1, max=MOST_CALLS, size="xs"
    )
    return html.Details(
        [
            html.Summary("Make a dataset", className="quiet-button"),
            html.Div(
                [
                    html.P("Of the calls that this list shows.", className="remark"),
                    _name("make-name"),
                    limit,
                    _expected("make-reference", "none"),
                    html.Div(
                        dmc.Button("Make it", id="make-go", size="xs"),
                        className="acts",
                    ),
                    html.Div(id="make-said", role="status"),
                ],
                className="card making",
            ),
        ],
        className="export-menu making-menu",
    )


def adding(one: OneTrace) -> Any:
    """Return the form that adds a call to a dataset; None for steps and empty prompts."""
    if one.trace.kind not in COUNTED_KINDS or not one.trace.prompt:
        return None
    return html.Details(
        [
            html.Summary("Add to a dataset"),
            html.Div(
                [
                    _name("add-name"),
                    _expected("add-reference", "none"),
                    html.Label("A better answer, expected in its place", htmlFor="add-correction"),
                    dcc.Textarea(
                        id="add-correction", value="", rows=3, maxLength=_LONGEST, className="pairs"
                    ),
                    html.Div(dmc.Button("Add it", id="add-go", size="xs"), className="acts"),
                    html.Div(id="add-said", role="status"),
                ],
                className="making",
            ),
        ],
        className="folded",
    )


def _name(name: str) -> Any:
    return dmc.TextInput(
        id=name,
        label="Dataset",
        placeholder="a new name, or that of a known one",
        size="xs",
        attributes={"input": {"maxLength": 80}},
    )


def _expected(name: str, chosen: str) -> Any:
    offered = [{"value": value, "label": label} for value, label in REFERENCES.items()]
    return dmc.Select(
        id=name,
        label="Expected output",
        data=offered,
        value=chosen,
        size="xs",
        allowDeselect=False,
        comboboxProps={"withinPortal": False},
    )
