"""The form that sets a price of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import dash_mantine_components as dmc
from dash import html

from dashboard.drawing.cost_forms import price_of

__all__ = ["price_body", "price_form"]

_AMOUNT: Final[dict[str, Any]] = {"value": "", "min": 0, "hideControls": True}


def price_body(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of POST /prices for what was typed."""
    return {"prices": [{"model": "", **price_of(given)}]}


def price_form() -> Sequence[Any]:
    """Return the form; its inputs are called `prices-<field>`."""
    amounts = [
        dmc.NumberInput(
            id=f"prices-{name}", label=label, description="US dollars per million tokens", **_AMOUNT
        )
        for name, label in (("input", "Input"), ("output", "Output"), ("cache_read", "Cached input"))
    ]
    fields = [
        dmc.TextInput(
            id="prices-model",
            label="Model",
            description="a name, or a pattern such as house-*",
            value="",
            required=True,
        ),
        *amounts,
        dmc.TextInput(
            id="prices-from",
            label="From",
            description="a day in UTC; empty for always",
            placeholder="2026-11-01",
            value="",
        ),
    ]
    return [
        html.Section(
            [
                html.H3("Set a price"),
                html.Div(fields, className="fields"),
                dmc.Button("Set the price", id="prices-set", size="xs"),
            ],
            className="card",
        )
    ]
