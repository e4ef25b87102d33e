"""`llm-monitor prices`: the prices that a project sets itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app.access.administration import Line
from app.errors import InvalidParameter, NotFound
from app.jobs.price_tables import change_prices, read_prices
from app.local.clients import command_actor, transact
from app.schemas.projects import DEFAULT_PROJECT
from app.terminal import cell
from monitoring.spending.price_tables import OwnPrice, PriceTable, TokenPrices, add_prices, remove_price

__all__ = ["app"]

Read = TypeVar("Read")

app = typer.Typer(no_args_is_help=True, help="Show, set, import and remove a project's own prices.")

Project = Annotated[str, typer.Option(help="Whose prices.")]
Model = Annotated[str, typer.Argument(help="Name of the model; * stands for any characters, ? for one.")]
Provider = Annotated[str | None, typer.Option(help="Only calls that name this provider.")]
Tier = Annotated[str | None, typer.Option(help="Only calls of this service tier.")]
Since = Annotated[str | None, typer.Option("--from", help="First day or moment of the price.")]
_AMOUNTS = ("request", "web_search", "file_search", "gpu_second")


@app.command("list")
def list_prices(project: Project = DEFAULT_PROJECT) -> None:
    """Print the project's own prices, and its exchange rates."""
    _print(transact(lambda connection: read_prices(connection, project)))


@app.command("set")
def set_price(  # noqa: PLR0913 an option for each part of a price
    model: Model,
    *,
    project: Project = DEFAULT_PROJECT,
    token: Annotated[
        list[str] | None,
        typer.Option(help="kind=amount per million tokens, such as input=0.5; may be repeated."),
    ] = None,
    request: Annotated[str | None, typer.Option(help="Price of each request.")] = None,
    web_search: Annotated[str | None, typer.Option(help="Price of each web search.")] = None,
    file_search: Annotated[str | None, typer.Option(help="Price of each file search.")] = None,
    gpu_second: Annotated[str | None, typer.Option(help="Price of each second of a call.")] = None,
    currency: Annotated[str, typer.Option(help="Currency of the amounts, such as EUR.")] = "USD",
    provider: Provider = None,
    tier: Tier = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option(help="The price ends before this day or moment.")] = None,
) -> None:
    """Set what a model costs, and price its earlier calls again.

    Use --request 0 for a model that costs nothing.
    """
    amounts = dict(zip(_AMOUNTS, (request, web_search, file_search, gpu_second), strict=True))
    price = {
        "model": model,
        "provider": provider,
        "service_tier": tier,
        "from": since,
        "until": until,
        "currency": currency,
        "per_million_tokens": _tokens(token) if token else None,
        **{f"per_{name}": amount for name, amount in amounts.items()},
    }
    _change(project, {"prices": [price]})


@app.command("rate")
def set_rate(
    currency: Annotated[str, typer.Argument(help="A currency, such as EUR.")],
    usd: Annotated[str, typer.Argument(help="US dollars of one unit.")],
    *,
    project: Project = DEFAULT_PROJECT,
    since: Since = None,
) -> None:
    """Set the exchange rate of a currency, from a day on or for all times."""
    _change(project, {"exchange_rates": {currency: [{"from": since, "usd": usd}]}})


@app.command("import")
def import_prices(
    file: Annotated[Path, typer.Argument(help="JSON in the form that GET /prices answers.")],
    *,
    project: Project = DEFAULT_PROJECT,
    replace: Annotated[bool, typer.Option(help="Also remove all prices that the file lacks.")] = False,
) -> None:
    """Add the prices and exchange rates of a file."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidParameter(f"{file} cannot be read: {error.strerror}.") from error
    added = _read(lambda: PriceTable.model_validate_json(content))
    _save(project, lambda table: added if replace else add_prices(table, added))


@app.command("remove")
def remove(
    model: Model,
    *,
    project: Project = DEFAULT_PROJECT,
    provider: Provider = None,
    tier: Tier = None,
    since: Since = None,
) -> None:
    """Remove one price. Earlier calls of its models are priced by the table that is left."""
    named = {"model": model, "provider": provider, "service_tier": tier, "from": since}
    name = _read(lambda: OwnPrice.model_validate(named)).name

    def change(table: PriceTable) -> PriceTable:
        if all(one.name != name for one in table.prices):
            raise NotFound(f"There is no price of {name}. `llm-monitor prices list` shows all.")
        return remove_price(table, name)

    _save(project, change)


def _tokens(entries: list[str]) -> dict[str, str]:
    found = dict(entry.partition("=")[::2] for entry in entries)
    if unknown := found.keys() - TokenPrices.model_fields.keys():
        raise InvalidParameter(
            f"--token {', '.join(sorted(unknown))}: write kind=amount with a kind out of "
            f"{', '.join(TokenPrices.model_fields)}."
        )
    return found


def _change(project: str, added: dict[str, Any]) -> None:
    more = _read(lambda: PriceTable.model_validate(added))
    _save(project, lambda table: add_prices(table, more))


def _read(read: Callable[[], Read]) -> Read:
    """Return what `read` returns; raises InvalidParameter with the first wrong field."""
    try:
        return read()
    except ValidationError as error:
        finding = error.errors()[0]
        field = ".".join(map(str, finding["loc"]))
        raise InvalidParameter(f"{field}: {finding['msg'].removeprefix('Value error, ')}.") from error


def _save(project: str, change: Callable[[PriceTable], PriceTable]) -> None:
    line = Line(project, command_actor(), datetime.now(UTC))
    _print(transact(lambda connection: change_prices(connection, line, change)))
    typer.echo("Earlier calls of models whose price changed are priced again; GET /jobs shows the progress.")


def _print(found: PriceTable) -> None:
    table = Table("model", "for", "from", "until", "currency", "price", box=None)
    for price in found.prices:
        whom = " ".join(filter(None, (price.provider, price.service_tier))) or "-"
        dates = (str(one.isoformat()) if one else "-" for one in (price.since, price.until))
        table.add_row(cell(price.model), cell(whom), *dates, price.currency, cell(_told(price)))
    Console().print(table)
    for currency, rates in found.exchange_rates.items():
        for rate in rates:
            begins = f" from {rate.since.isoformat()}" if rate.since else ""
            typer.echo(f"1 {currency} = {rate.usd:f} USD{begins}")


def _told(price: OwnPrice) -> str:
    tokens = dict(price.per_million_tokens) if price.per_million_tokens else {}
    told = [f"{kind} {amount:f}/M" for kind, amount in tokens.items() if amount is not None]
    fees = ((name, getattr(price, f"per_{name}")) for name in _AMOUNTS)
    told += [f"{amount:f}/{name.replace('_', ' ')}" for name, amount in fees if amount is not None]
    return ", ".join(told)
