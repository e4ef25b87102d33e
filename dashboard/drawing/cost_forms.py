"""The forms that make a budget and set a price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dash_mantine_components as dmc
from dash import dcc, html

__all__ = ["BUDGET_FIELDS", "NAMED_BUDGET", "PRICE_FIELDS", "TOKENS", "budget_form", "price_form", "price_of"]

BUDGET_FIELDS = ("name", "amount_usd", "period", "time_zone", "by", "key", "value")
"""The fields of a budget; the input of each is `budget-<field>`, and the API refuses by them."""
NAMED_BUDGET: Final = "budget-named"
"""The store of the part of the address that names a budget."""
TOKENS: Final = ("input", "output", "cache_read")
"""The kinds of tokens whose price a form asks for."""
PRICE_FIELDS = ("model", *TOKENS, "from")
"""The fields of a price; the input of each is `price-<field>`, and the API refuses by them."""

_SUBJECTS = {
    "project": "All calls",
    "model": "A model",
    "provider": "A provider",
    "user": "A user",
    "tag": "A tag",
    "metadata": "A metadata key",
}
_MILLION = "US dollars per million tokens"


def budget_form() -> Any:
    """Return the form that makes a budget, folded until it is wanted."""
    periods = [{"value": one, "label": f"Each {one}"} for one in ("day", "week", "month")]
    subjects = [{"value": value, "label": label} for value, label in _SUBJECTS.items()]
    fields = [
        dmc.TextInput(id="budget-name", label="Name", value="", required=True),
        _amount("budget-amount_usd", "Amount in US dollars", required=True),
        dmc.Select(id="budget-period", label="Period", data=periods, value="month", allowDeselect=False),
        dmc.TextInput(id="budget-time_zone", label="Time zone", value="", placeholder="yours"),
        dmc.Select(id="budget-by", label="Counts", data=subjects, value="project", allowDeselect=False),
        dmc.TextInput(id="budget-key", label="Metadata key", value="", placeholder="only for metadata"),
        dmc.TextInput(
            id="budget-value",
            label="Its value",
            value="",
            placeholder="a model, a user, a tag",
        ),
    ]
    acts = html.Div(
        [
            dmc.Button("Change the budget", id="budget-change", size="xs", variant="default"),
            dmc.Button("Remove it", id="budget-remove", size="xs", variant="subtle", color="red"),
        ],
        id="budget-acts",
        className="acts",
        hidden=True,
    )
    chosen = [dcc.Store(id=NAMED_BUDGET), html.P(id="budget-about", className="remark")]
    return _form("budget", "Make or change a budget", "Make a new budget", [*chosen, *fields], acts)


def price_form() -> Any:
    """Return the form that sets the price of a model, folded until it is wanted."""
    fields = [
        dmc.Autocomplete(
            id="price-model",
            label="Model",
            value="",
            data=[],
            placeholder="a name, or a pattern such as house-*",
            limit=50,
            required=True,
        ),
        _amount("price-input", "Input", description=_MILLION, required=True),
        _amount("price-output", "Output", description=_MILLION, required=True),
        _amount("price-cache_read", "Cached input", description=f"{_MILLION}, if it differs"),
        dmc.TextInput(
            id="price-from",
            label="From",
            value="",
            description="a day in UTC such as 2026-11-01; empty for always",
        ),
    ]
    return _form("price", "Set a price", "Set the price", fields)


def price_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return one price as POST /prices takes it, for what was typed."""
    typed = {name: value for name, value in given.items() if value not in ("", None)}
    tokens = {name: typed.pop(name) for name in TOKENS if name in typed}
    since = str(typed.pop("from", "")).strip()
    # A day alone begins at midnight in UTC.
    begins = {"from": f"{since}T00:00:00Z" if len(since) == len("2026-11-30") else since}
    return typed | {"per_million_tokens": tokens} | (begins if since else {})


def _amount(name: str, label: str, **options: Any) -> Any:
    return dmc.NumberInput(id=name, label=label, min=0, value="", hideControls=True, **options)


def _form(name: str, title: str, action: str, fields: list[Any], acts: Any = None) -> Any:
    return html.Details(
        [
            html.Summary(title),
            html.Div(fields, className="form"),
            dmc.Button(action, id=f"{name}-save", size="xs"),
            acts,
            html.Div(id=f"{name}-said", role="status", className="said"),
        ],
        id=f"{name}-form",
        className="folded",
    )
