"""A project's own table of prices: by patterns of model names, dated, in any currency.

The table is what a project writes and reads. `monitoring.spending.own_prices` looks prices up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from monitoring.spending.tiers import LONGEST_TIER

__all__ = [
    "DOLLAR",
    "MOST_PRICES",
    "Amount",
    "Currency",
    "ExchangeRate",
    "Fault",
    "Moment",
    "OwnPrice",
    "PriceTable",
    "TokenPrices",
    "add_prices",
    "find_faults",
    "remove_price",
]

MOST_PRICES: Final = 500
"""Prices in the table of one project."""
DOLLAR: Final = "USD"

_MOST_CURRENCIES, _MOST_RATES = 50, 200
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
# Fifteen digits survive the way through a JSON number.
_DIGITS = 15
_PLACES, _MOST_AMOUNT = 7, Decimal(99_999_999)
_RATE_PLACES, _MOST_RATE = 11, Decimal(9_999)
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]+$"
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


def _dated(moment: datetime) -> datetime:
    """Return an aware moment; one without a time zone is in UTC."""
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"the year must be from {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_AsNumber = PlainSerializer(float, return_type=float, when_used="json")
Amount = Annotated[
    Decimal, Field(ge=0, le=_MOST_AMOUNT, max_digits=_DIGITS, decimal_places=_PLACES), _AsNumber
]
"""An amount of money in the currency of its price."""
Moment = Annotated[datetime, AfterValidator(_dated)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
"""A code of ISO 4217, such as EUR."""
Fault = tuple[str, str]
"""The dotted name of a field, and what is wrong with it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenPrices(_Frozen):
    """Prices of a million tokens by kind.

    A kind without a price of its own is charged as the kind that it is part of: cached tokens,
    audio and images as input or output, writes for an hour as other writes, reasoning as output.
    """

    input: Amount | None = None
    output: Amount | None = None
    cache_read: Amount | None = None
    cache_write: Amount | None = None
    cache_write_1h: Amount | None = None
    reasoning: Amount | None = None
    input_audio: Amount | None = None
    output_audio: Amount | None = None
    cache_audio_read: Amount | None = None
    input_image: Amount | None = None
    output_image: Amount | None = None
    cache_image_read: Amount | None = None


class OwnPrice(_Frozen):
    """What a project pays for the models whose names match `model`.

    In `model`, `*` stands for any characters and `?` for one; case does not count. `provider` and
    `service_tier` narrow the price to calls that name them. It holds from `from` on, and before
    `until`; without a date it holds at all times. With only a price per request or per second of
    GPU time, tokens cost nothing.
    """

    model: Annotated[str, Field(min_length=1, max_length=200, pattern=_PRINTABLE)]
    provider: Annotated[str, Field(min_length=1, max_length=128, pattern=_PRINTABLE)] | None = None
    service_tier: Annotated[str, Field(min_length=1, max_length=LONGEST_TIER, pattern=_PRINTABLE)] | None = (
        None
    )
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    currency: Currency = DOLLAR
    per_million_tokens: TokenPrices | None = None
    per_request: Amount | None = None
    per_web_search: Amount | None = None
    per_file_search: Amount | None = None
    per_gpu_second: Amount | None = None

    @property
    def name(self) -> str:
        """The name of the price in its table: pattern, provider, tier and beginning."""
        return self.named(self.model, self.provider, self.service_tier, self.since)

    @staticmethod
    def named(model: str, provider: str | None, tier: str | None, since: datetime | None) -> str:
        """Return the name of the price with this pattern, provider, tier and beginning."""
        told = (provider and f"provider {provider}", tier and f"tier {tier}")
        begins = since and f"from {since.isoformat()}"
        return ", ".join([model.lower(), *(word for word in (*told, begins) if word)])

    def holds(self, at: datetime) -> bool:
        """Tell whether this price is valid at an aware moment."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


class ExchangeRate(_Frozen):
    """How many US dollars one unit of a currency is worth, from a moment on."""

    since: Moment | None = Field(default=None, alias="from")
    usd: Annotated[
        Decimal, Field(gt=0, le=_MOST_RATE, max_digits=_DIGITS, decimal_places=_RATE_PLACES), _AsNumber
    ]


class PriceTable(_Frozen):
    """All prices of a project, and the rates of the currencies in which they are."""

    prices: Annotated[tuple[OwnPrice, ...], Field(max_length=MOST_PRICES)] = ()
    exchange_rates: Annotated[
        dict[Currency, Annotated[tuple[ExchangeRate, ...], Field(min_length=1, max_length=_MOST_RATES)]],
        Field(max_length=_MOST_CURRENCIES),
    ] = {}

    def rate_of(self, currency: str, at: datetime) -> Decimal | None:
        """Return the US dollars of one unit at an aware moment, None where no rate is known."""
        if currency == DOLLAR:
            return Decimal(1)
        begun = [
            (one.since or _BEGINNING, one.usd)
            for one in self.exchange_rates.get(currency, ())
            if one.since is None or one.since <= at
        ]
        return max(begun)[1] if begun else None


def add_prices(table: PriceTable, added: PriceTable) -> PriceTable:
    """Return a table with more prices and rates.

    A price replaces the one of the same model, provider, tier and beginning, and a rate the one of
    the same currency and beginning.
    """
    prices = {one.name: one for one in (*table.prices, *added.prices)}
    rates = dict(table.exchange_rates)
    for currency, more in added.exchange_rates.items():
        rates[currency] = tuple({one.since: one for one in (*rates.get(currency, ()), *more)}.values())
    return table.model_copy(update={"prices": tuple(prices.values()), "exchange_rates": rates})


def remove_price(table: PriceTable, name: str) -> PriceTable:
    """Return a table without the price of this name, and without the rates that only it needed."""
    prices = tuple(one for one in table.prices if one.name != name)
    unused = {one.currency for one in table.prices} - {one.currency for one in prices}
    rates = {currency: one for currency, one in table.exchange_rates.items() if currency not in unused}
    return table.model_copy(update={"prices": prices, "exchange_rates": rates})


def find_faults(table: PriceTable) -> list[Fault]:
    """Return what contradicts itself in a table whose fields are valid one by one."""
    return [*_price_faults(table), *_rate_faults(table)]


def _price_faults(table: PriceTable) -> Iterator[Fault]:
    if len(table.prices) > MOST_PRICES:
        yield "prices", f"a project may have {MOST_PRICES} prices of its own"
    names: set[str] = set()
    for number, price in enumerate(table.prices):
        field = f"prices.{number}"
        if price.name in names:
            yield f"{field}.from", "another price has the same model, provider, tier and beginning"
        names.add(price.name)
        if price.since is not None and price.until is not None and price.until <= price.since:
            yield f"{field}.until", "must be later than from"
        if price.currency != DOLLAR and price.currency not in table.exchange_rates:
            yield f"{field}.currency", f"exchange_rates has no rate of {price.currency} to US dollars"
        if not _amounts(price):
            yield f"{field}.per_million_tokens", "a price needs an amount; 0 is one"


def _amounts(price: OwnPrice) -> list[Decimal]:
    """Return the amounts that make a price: those of tokens, of a request and of GPU time."""
    tokens = price.per_million_tokens
    given = [] if tokens is None else [getattr(tokens, kind) for kind in TokenPrices.model_fields]
    return [one for one in (*given, price.per_request, price.per_gpu_second) if one is not None]


def _rate_faults(table: PriceTable) -> Iterator[Fault]:
    if len(table.exchange_rates) > _MOST_CURRENCIES:
        yield "exchange_rates", f"a project may use {_MOST_CURRENCIES} currencies"
    for currency, rates in table.exchange_rates.items():
        if len(rates) > _MOST_RATES:
            yield f"exchange_rates.{currency}", f"a currency may have {_MOST_RATES} rates"
        if currency == DOLLAR:
            yield f"exchange_rates.{currency}", "US dollars need no rate"
        begun: set[datetime | None] = set()
        for number, rate in enumerate(rates):
            if rate.since in begun:
                yield f"exchange_rates.{currency}.{number}.from", "another rate begins at the same time"
            begun.add(rate.since)
