"""Prices: what this project pays, by its own table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dash import Dash, Input, Output, State, dcc, html

from app.errors import MonitorError, NotFound
from dashboard.data.sources import Sources
from dashboard.data.view import kept_fields, read_view
from dashboard.drawing.components import notice
from dashboard.drawing.confirmation import confirmation
from dashboard.drawing.cost_forms import PRICE_FIELDS, TOKENS
from dashboard.drawing.formatting import UNKNOWN
from dashboard.drawing.frame import URL
from dashboard.drawing.lists import listing, moment
from dashboard.drawing.refusals import refusals, refused
from dashboard.settings.confirming import confirms
from dashboard.settings.price_form import price_body, price_form
from dashboard.settings.section import Asked, Section, Shown, link
from monitoring.spending.price_tables import DOLLAR

__all__ = ["SECTION", "remove_price"]

_NAMED: Final = ("model", "provider", "service_tier", "from")


async def _read(sources: Sources, asked: Asked) -> Any:
    return _indexed(await sources.changes.send("GET", "/prices", asked.project_id))


def _draw(table: Mapping[str, Any], shown: Shown) -> Any:
    prices: Sequence[Mapping[str, Any]] = table["prices"]
    chosen = _chosen(prices, shown.fields)
    heads = ("Model", "Input", "Output", "Cached input", "Otherwise", "From", "Until", "")
    empty = "This project pays list prices: it has no price of its own."
    return [
        _question(chosen, shown) if chosen else None,
        listing("Prices of a million tokens", heads, [_row(price, shown) for price in prices], empty),
        _rates(table["exchange_rates"]),
        html.P(
            [
                "Models whose price is unknown stand on the page ",
                dcc.Link("Cost", href=f"/cost{kept_fields(shown.search)}"),
                ".",
            ],
            className="remark",
        ),
    ]


def _chosen(prices: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> Mapping[str, Any] | None:
    try:
        wanted = prices[int(fields["remove"])]
    except (KeyError, ValueError, IndexError):
        return None
    return wanted if wanted["model"] == fields.get("model") else None


def _question(price: Mapping[str, Any], shown: Shown) -> Any:
    return confirmation(
        "prices",
        f"Remove the price of {_name(price)}? Calls of these models, earlier ones too, are priced by what is "
        "left of the table and by list prices.",
        "Remove this price",
        link(shown.search, "prices"),
    )


def _name(price: Mapping[str, Any]) -> str:
    return ", ".join(str(price[name]) for name in _NAMED if price.get(name))


def _row(price: Mapping[str, Any], shown: Shown) -> list[Any]:
    tokens = price.get("per_million_tokens") or {}
    narrowed = [str(price[name]) for name in ("provider", "service_tier") if price.get(name)]
    remove = link(shown.search, "prices", remove=str(price["index"]), model=price["model"])
    currency = "$" if price["currency"] == DOLLAR else f"{price['currency']} "
    others = {
        **{name: value for name, value in tokens.items() if name not in TOKENS},
        **{
            name: value
            for name, value in price.items()
            if name.startswith("per_") and name != "per_million_tokens"
        },
    }
    return [
        [html.Bdi(price["model"]), html.Div(html.Bdi(", ".join(narrowed)), className="remark")],
        *(f"{currency}{tokens[name]:g}" if name in tokens else UNKNOWN for name in TOKENS),
        "; ".join(f"{name.replace('_', ' ')} {currency}{value:g}" for name, value in others.items())
        or UNKNOWN,
        moment(price["from"]) if price.get("from") else "always",
        moment(price["until"]) if price.get("until") else UNKNOWN,
        dcc.Link("Remove …", href=remove),
    ]


def _rates(rates: Mapping[str, Sequence[Mapping[str, Any]]]) -> Any:
    told = [
        f"1 {currency} is ${one['usd']:g}" + (f" from {moment(one['from'])}" if one.get("from") else "")
        for currency, listed in rates.items()
        for one in listed
    ]
    return html.P(f"Exchange rates: {'; '.join(told)}.") if told else None


async def remove_price(sources: Sources, asked: Asked) -> str:
    """Remove the price that the address names, and say so; raises what the API refuses."""
    table = await _read(sources, asked)
    price = _chosen(table["prices"], asked.fields)
    if price is None:
        raise NotFound("This price is not in the table any more.")
    named = {name: str(price[name]) for name in _NAMED if price.get(name)}
    await sources.changes.send("DELETE", "/prices", asked.project_id, params=named)
    return f"The price of {_name(price)} is removed. Earlier calls are priced again in the background."


def _indexed(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table whose prices know their place in it."""
    prices = [{**price, "index": number} for number, price in enumerate(table["prices"])]
    return {**table, "prices": prices}


def _register(dash: Dash, sources: Sources) -> None:
    confirms(dash, sources, SECTION, remove_price)

    @dash.callback(
        output={
            "said": Output("prices-said", "children"),
            "done": Output("prices-done", "data"),
            "errors": {name: Output(f"prices-{name}", "error") for name in PRICE_FIELDS},
        },
        inputs={
            "clicks": Input("prices-set", "n_clicks"),
            "given": {name: State(f"prices-{name}", "value") for name in PRICE_FIELDS},
            "search": State(URL, "search"),
            "done": State("prices-done", "data"),
        },
        prevent_initial_call=True,
    )
    async def set_price(clicks: int | None, given: dict[str, Any], search: str | None, done: int) -> Any:
        nothing: dict[str, Any] = dict.fromkeys(PRICE_FIELDS)
        if not clicks:
            return {"said": None, "done": done, "errors": nothing}
        try:
            await sources.changes.send(
                "POST", "/prices", read_view(search).project_id, json=price_body(given)
            )
        except MonitorError as error:
            errors, rest = refusals(error, PRICE_FIELDS)
            return {"said": refused(error, rest=rest), "done": done, "errors": nothing | errors}
        told = "New calls have this price within seconds. Earlier ones are priced again in the background."
        return {
            "said": notice("The price was set", told, color="teal", closable=True),
            "done": done + 1,
            "errors": nothing,
        }


SECTION: Final = Section(
    name="prices",
    title="Prices",
    about="A price of your own replaces the list price, for new calls and for the history.",
    read=_read,
    draw=_draw,
    form=price_form,
    register=_register,
    fields=("remove", "model"),
)
