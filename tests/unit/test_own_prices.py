"""Invoices by a project's own prices, with the arithmetic written out, and tables that are refused.

Amounts per million tokens are written as M. Every call is made on 2026-11-30 at 12:00 UTC unless
its row names another moment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest
from pydantic import ValidationError

from monitoring.models import Record
from monitoring.spending.own_prices import OwnPrices, matches, parse_prices
from monitoring.spending.price_tables import PriceTable, add_prices, find_faults, remove_price
from monitoring.spending.pricing import PricingStatus, Usage, price, price_call, table_name

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
CALL = Usage(prompt=1000, completion=200)
TOKENS = {"input": 0.5, "output": "1.5"}


class Invoice(NamedTuple):
    """A table, a call, what it costs, and where its price comes from."""

    prices: list[dict[str, Any]]
    cost: str | None
    source: str
    usage: Usage = CALL
    model: str = "house-7b"
    provider: str | None = None
    tier: str | None = None
    at: datetime = NOON
    milliseconds: float | None = 2500.0
    rates: Mapping[str, Any] = MappingProxyType({})


def own(model: str, **price: Any) -> dict[str, Any]:
    return {"model": model, **{name.removesuffix("_"): value for name, value in price.items()}}


def tokens(model: str, input_: float = 0.5, output: float = 1.5, **price: Any) -> dict[str, Any]:
    return own(model, per_million_tokens={"input": input_, "output": output}, **price)


KINDS = {
    "input": 1, "output": 4, "cache_read": 0.1, "cache_write": 1.25, "cache_write_1h": 2, "reasoning": 8,
    "input_audio": 10, "output_audio": 40, "cache_audio_read": 3, "input_image": 5, "output_image": 30,
    "cache_image_read": 2,
}  # fmt: skip
EVERYTHING = Usage(
    prompt=100, completion=90, cache_read=30, cache_write=20, reasoning=10, cache_write_1h=5,
    input_audio=12, output_audio=15, cached_audio=4, input_image=9, output_image=6, cached_image=3,
)  # fmt: skip
DATED = [
    tokens("house-7b", 2, 8, until="2026-03-01"),
    tokens("house-7b", 1, 4, from_="2026-03-01T00:00:00+00:00", until="2026-11-01"),
    tokens("house-7b", 0.5, 2, from_="2026-11-01"),
]
EURO = [tokens("house-7b", currency="EUR")]
EURO_RATES = {"EUR": [{"from": "2026-01-01", "usd": 1.05}, {"from": "2026-07-01", "usd": "1.17"}]}
GLOBS = [
    tokens("*", 100, 100),
    tokens("house-*", 10, 10),
    tokens("house-?b", 1, 1),
    tokens("house-7b-chat", 0.1, 0.1),
]
PROVIDERS = [
    tokens("house-7b", 1, 1),
    tokens("house-7b", 2, 2, provider="azure"),
    tokens("house-7b", 3, 3, provider="azure", service_tier="batch"),
    tokens("house-7b", 4, 4, service_tier="batch"),
]
PUBLIC = f"{table_name()}:openai/gpt-4o"

INVOICES = {
    # 1000 x .5M + 200 x 1.5M = .0005 + .0003
    "tokens": Invoice([tokens("house-7b")], ".0008", "own:house-7b"),
    # fresh input 100 - 30 - 20 - (12 - 4) - (9 - 3) = 36 at 1; plain reads 30 - 4 - 3 = 23 at .1;
    # audio read 4 at 3, image read 3 at 2; writes 15 at 1.25, hourly 5 at 2; fresh audio 8 at 10,
    # fresh image 6 at 5; output 90 - 10 - 15 - 6 = 59 at 4, reasoning 10 at 8, audio 15 at 40,
    # image 6 at 30:
    # 36 + 2.3 + 12 + 6 + 18.75 + 10 + 80 + 30 + 236 + 80 + 600 + 180 = 1291.05 a million
    "every kind of token": Invoice(
        [own("house-7b", per_million_tokens=KINDS)], ".00129105", "own:house-7b", EVERYTHING
    ),
    # kinds without a price are charged as the kind they are part of: 100 x 1M + 90 x 4M
    "parts without a price": Invoice([tokens("house-7b", 1, 4)], ".00046", "own:house-7b", EVERYTHING),
    # .0008 + .002 + 3 x .01
    "fees beside tokens": Invoice(
        [tokens("house-7b", per_request=0.002, per_web_search=0.01)], ".0328", "own:house-7b",
        Usage(prompt=1000, completion=200, web_searches=3),
    ),
    "a search without a price": Invoice(
        [tokens("house-7b")], None, "own:house-7b", Usage(prompt=1000, completion=200, web_searches=3)
    ),
    "output without a price": Invoice(
        [own("house-7b", per_million_tokens={"input": 1})], None, "own:house-7b"
    ),
    "each request": Invoice([own("house-7b", per_request=0.004)], ".004", "own:house-7b"),
    # 2.5 s x .0011
    "seconds of GPU time": Invoice([own("house-7b", per_gpu_second=0.0011)], ".00275", "own:house-7b"),
    # .0008 + 2.5 x .0004
    "tokens and seconds": Invoice([tokens("house-7b", per_gpu_second=0.0004)], ".0018", "own:house-7b"),
    "seconds of a call of unknown length": Invoice(
        [own("house-7b", per_gpu_second=0.0011)], None, "own:house-7b", milliseconds=None
    ),
    "nothing for a model of one's own": Invoice(
        [own("house-*", per_request=0)], "0", "own:house-*", milliseconds=None
    ),
    "no tokens, only a fee": Invoice([own("*", per_request=0.01)], ".01", "own:*", Usage()),
    # 1000 x 2M + 200 x 8M; 1000 x 1M + 200 x 4M; 1000 x .5M + 200 x 2M
    "before the first change": Invoice(
        DATED, ".0036", "own:house-7b", at=datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    ),
    "at the moment of a change": Invoice(DATED, ".0018", "own:house-7b", at=datetime(2026, 3, 1, tzinfo=UTC)),
    "after the last change": Invoice(DATED, ".0009", "own:house-7b"),
    "before the first price": Invoice(
        [tokens("house-7b", from_="2026-12-01")], None, "", at=datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    ),
    "after the last price": Invoice([tokens("house-7b", until="2026-11-30")], None, ""),
    "of two open prices the later": Invoice(
        [tokens("house-7b", 9, 9, from_="2026-11-01"), tokens("house-7b", 7, 7)], ".0108", "own:house-7b"
    ),
    # .0008 EUR x 1.08
    "a fixed rate": Invoice(
        EURO, ".000864", "own:house-7b (EUR at 1.08)", rates={"EUR": [{"usd": 1.08}]}
    ),
    # .0008 EUR x 1.17, and x 1.05 in the first half of the year
    "the rate of the day": Invoice(EURO, ".000936", "own:house-7b (EUR at 1.17)", rates=EURO_RATES),
    "the rate of an earlier day": Invoice(
        EURO, ".00084", "own:house-7b (EUR at 1.05)", at=datetime(2026, 6, 30, 23, tzinfo=UTC), rates=EURO_RATES
    ),
    "before the first rate": Invoice(
        EURO, None, "own:house-7b (EUR at no known rate)", at=datetime(2025, 12, 31, tzinfo=UTC),
        rates=EURO_RATES,
    ),
    # (.004 + 2.5 x .001) x .0068
    "fees and seconds in yen": Invoice(
        [own("house-7b", per_request=0.004, per_gpu_second=0.001, currency="JPY")], ".0000442",
        "own:house-7b (JPY at 0.0068)", rates={"JPY": [{"usd": 0.0068}]},
    ),
    # 1200 x 1M, x 10M, x 100M, x .1M
    "the longest pattern": Invoice(GLOBS, ".0012", "own:house-?b"),
    "the only pattern": Invoice(GLOBS, ".012", "own:house-*", model="house-70b"),
    "a pattern for all": Invoice(GLOBS, ".12", "own:*", model="else"),
    "an exact name": Invoice(GLOBS, ".00012", "own:house-7b-chat", model="House-7B-Chat"),
    "an exact name before a longer pattern": Invoice(
        [tokens("*house-7*b*", 9, 9), tokens("house-7b", 1, 1)], ".0012", "own:house-7b"
    ),
    "a shorter pattern while the longer is not valid": Invoice(
        [*GLOBS, tokens("house-7b", 7, 7, from_="2027-01-01")], ".0012", "own:house-?b"
    ),
    "brackets are no class": Invoice([tokens("house-[6-8]b")], None, ""),
    # 1200 x 1M, 2M, 3M, 4M
    "no provider": Invoice(PROVIDERS, ".0012", "own:house-7b"),
    "another provider": Invoice(PROVIDERS, ".0012", "own:house-7b", provider="openai"),
    "a provider by another name": Invoice(PROVIDERS, ".0024", "own:house-7b", provider="azure.ai.openai"),
    "a provider and a tier": Invoice(PROVIDERS, ".0036", "own:house-7b", provider="Azure", tier="batch"),
    "a tier": Invoice(PROVIDERS, ".0048", "own:house-7b", tier="BATCH"),
    "another tier": Invoice(PROVIDERS, ".0012", "own:house-7b", tier="flex"),
    # 1000 x .5M + 200 x 1.5M; the public table says 1000 x 2.5M + 200 x 10M = .0045
    "before the public table": Invoice([tokens("gpt-4*")], ".0008", "own:gpt-4*", model="gpt-4o"),
    "beside the public table": Invoice([tokens("gpt-5*")], ".0045", PUBLIC, model="gpt-4o"),
    "no price anywhere": Invoice([tokens("other")], None, ""),
}  # fmt: skip


def table_of(prices: list[dict[str, Any]], rates: Mapping[str, Any] | None = None) -> PriceTable:
    return PriceTable.model_validate_json(json.dumps({"prices": prices, "exchange_rates": dict(rates or {})}))


@pytest.mark.parametrize("invoice", INVOICES.values(), ids=INVOICES)
def test_invoices_agree_to_the_last_digit(invoice: Invoice) -> None:
    table = table_of(invoice.prices, invoice.rates)
    assert find_faults(table) == []
    found = price(
        invoice.usage, invoice.provider, invoice.model, invoice.at, tier=invoice.tier, own=OwnPrices(table),
        milliseconds=invoice.milliseconds,
    )  # fmt: skip
    expected = None if invoice.cost is None else Decimal(invoice.cost)
    assert (found.cost_usd, found.source) == (expected, invoice.source)
    assert found.status == (PricingStatus.UNKNOWN if expected is None else PricingStatus.PRICED)


def test_a_stated_cost_counts_and_the_own_price_is_kept_beside_it() -> None:
    record = Record(prompt="p", response="r", model_name="house-7b", reported_cost_usd=Decimal("0.5"))
    found = price_call(record, CALL, NOON, own=OwnPrices(table_of([tokens("house-7b")])))
    assert (found.cost_usd, found.source, found.computed_usd) == (
        Decimal("0.5"),
        "reported",
        Decimal("0.0008"),
    )


@pytest.mark.parametrize(
    ("prices", "cost", "status"),
    [
        ([own("house-7b", per_gpu_second=0.0011)], ".00275", "priced"),
        ([own("house-7b", per_request=0.004)], ".004", "priced"),
        ([tokens("house-7b", 0, 0, per_request=0.004)], ".004", "priced"),
        ([tokens("house-7b", 1, 5, per_request=0.004)], None, "no_usage"),
        ([tokens("house-7b", 0, 5)], None, "no_usage"),
        ([own("house-8b", per_gpu_second=0.0011)], None, "no_usage"),
        ([], None, "no_usage"),
    ],
)
def test_a_call_without_tokens_has_a_price_where_tokens_cost_nothing(
    prices: list[dict[str, Any]], cost: str | None, status: str
) -> None:
    record = Record(prompt="", response="", model_name="house-7b", response_time_ms=2_500)
    found = price_call(record, None, NOON, own=OwnPrices(table_of(prices)))
    assert (found.cost_usd, found.status) == (None if cost is None else Decimal(cost), status)
    stated = msgspec.structs.replace(record, reported_cost_usd=Decimal("0.5"))
    assert price_call(stated, None, NOON, own=OwnPrices(table_of(prices))).cost_usd == Decimal("0.5")


def test_a_call_without_tokens_and_duration_has_no_price_by_the_second() -> None:
    table = OwnPrices(table_of([own("house-7b", per_gpu_second=0.0011)]))
    found = price_call(Record(prompt="", response="", model_name="house-7b"), None, NOON, own=table)
    assert (found.cost_usd, found.status) == (None, "unknown")


def test_a_cost_beyond_its_bound_is_no_cost() -> None:
    huge = OwnPrices(table_of([own("*", per_request=1_000_000)]))
    assert price(CALL, None, "m", NOON, own=huge).status == PricingStatus.OUT_OF_RANGE


def test_a_table_is_the_same_after_it_was_stored() -> None:
    table = table_of([*DATED, tokens("x", 0.1234567, 1e-7, currency="EUR")], EURO_RATES)
    stored = table.model_dump_json(by_alias=True, exclude_none=True)
    assert parse_prices(stored).table == table


REFUSED: dict[str, tuple[Any, str]] = {
    "negative": ([tokens("m", -1)], "prices.0.per_million_tokens.input"),
    "infinite": ([tokens("m", float("inf"))], "prices.0.per_million_tokens.input"),
    "no number": ([own("m", per_request="cheap")], "prices.0.per_request"),
    "too much": ([own("m", per_gpu_second=100_000_000)], "prices.0.per_gpu_second"),
    "too precise": ([own("m", per_request="0.00000001")], "prices.0.per_request"),
    "an unknown kind": ([own("m", per_million_tokens={"thought": 1})], "prices.0.per_million_tokens.thought"),
    "an unknown field": ([own("m", per_hour=1)], "prices.0.per_hour"),
    "no name": ([own("", per_request=1)], "prices.0.model"),
    "a long name": ([own("m" * 201, per_request=1)], "prices.0.model"),
    "a NUL": ([own("m\0", per_request=1)], "prices.0.model"),
    "no date": ([own("m", per_request=1, from_="soon")], "prices.0.from"),
    "a date far away": ([own("m", per_request=1, until="9999-12-31")], "prices.0.until"),
    "no currency": ([own("m", per_request=1, currency="Euro")], "prices.0.currency"),
    "too many": ([own(f"m{i}", per_request=1) for i in range(501)], "prices"),
}
CONTRADICTIONS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no amount": ([own("a", per_request=0), own("b", per_web_search=1)], {}, "prices.1.per_million_tokens"),
    "empty tokens": ([own("m", per_million_tokens={})], {}, "prices.0.per_million_tokens"),
    "the end before the beginning": (
        [own("m", per_request=1, from_="2026-02-01", until="2026-02-01")], {}, "prices.0.until",
    ),
    "a currency without a rate": ([own("m", per_request=1, currency="EUR")], {}, "prices.0.currency"),
    "twice": ([own("m", per_request=1), own("M", per_request=2)], {}, "prices.1.from"),
    "a rate of dollars": ([], {"USD": [{"usd": 1}]}, "exchange_rates.USD"),
    "two rates at once": ([], {"EUR": [{"usd": 1}, {"usd": 2}]}, "exchange_rates.EUR.1.from"),
}  # fmt: skip


@pytest.mark.parametrize(("prices", "field"), REFUSED.values(), ids=REFUSED)
def test_bad_fields_are_named(prices: Any, field: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        PriceTable.model_validate_json(json.dumps({"prices": prices}))
    assert ".".join(map(str, refusal.value.errors()[0]["loc"])) == field


@pytest.mark.parametrize(("prices", "rates", "field"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradictions_are_named(prices: Any, rates: dict[str, Any], field: str) -> None:
    assert [name for name, _ in find_faults(table_of(prices, rates))] == [field]


def test_bounds_hold_for_tables_that_grow() -> None:
    many = table_of([own(f"m{i}", per_request=1) for i in range(500)])
    assert find_faults(many) == []
    assert [name for name, _ in find_faults(add_prices(many, table_of([own("more", per_request=1)])))] == [
        "prices"
    ]


def test_prices_are_added_replaced_and_removed() -> None:
    table = table_of([tokens("a"), tokens("b", currency="EUR")], {"EUR": [{"usd": 1.1}]})
    more = table_of(
        [tokens("A", 2), tokens("a", from_="2026-01-01")],
        {"EUR": [{"usd": 1.2}, {"from": "2026-02-01", "usd": 1.3}]},
    )
    grown = add_prices(table, more)
    assert [one.name for one in grown.prices] == ["a", "b", "a, from 2026-01-01T00:00:00+00:00"]
    assert grown.prices[0].per_million_tokens is not None
    assert grown.prices[0].per_million_tokens.input == 2
    assert [rate.usd for rate in grown.exchange_rates["EUR"]] == [Decimal("1.2"), Decimal("1.3")]
    left = remove_price(grown, "b")
    assert [one.model for one in left.prices] == ["A", "a"]
    assert left.exchange_rates == {}


MATCHES = [
    ("gpt-4", "GPT-4", True), ("gpt-4", "gpt-4o", False), ("gpt-4*", "gpt-4o", True), ("*", "", True),
    ("gpt-?o", "gpt-4o", True), ("gpt-?o", "gpt-o", False), ("*/llama-*", "meta/llama-3", True),
    ("m.x", "max", False), ("m[ab]", "ma", False), ("m[ab]", "m[ab]", True), ("m!", "m!", True),
    ("*a*b", "xaxxb", True), ("*a*b", "xbxxa", False), ("zeile*", "zeile\nzwei", True),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "model", "does"), MATCHES)
def test_patterns_match_whole_names(pattern: str, model: str, does: bool) -> None:  # noqa: FBT001 a table's column
    assert matches(pattern, model) is does


def test_no_pattern_makes_matching_slow() -> None:
    began = time.process_time()
    for pattern in ("*a" * 100, "*" * 200, "a*?" * 60, "*aaaaaaaab" * 20):
        matches(pattern, "a" * 10_000)
    assert time.process_time() - began < 1


def test_strangers_cannot_fill_the_memory_of_names() -> None:
    prices = OwnPrices(table_of([tokens("m*")]))
    for number in range(3_000):
        prices.rates_of(None, f"m{number}", None, NOON)
    assert len(prices._matched) <= 1024  # noqa: SLF001 nothing else shows what is remembered
