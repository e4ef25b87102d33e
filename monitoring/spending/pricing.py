"""The cost of a call: from a project's own prices, from dated public prices, or unknown.

Prices come from the table in the installed release of genai-prices, and nothing is fetched. A model
that no table knows has no price; no price is guessed from another model.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

import msgspec

from monitoring.bounds import COST_PLACES, MOST_USD, is_bounded
from monitoring.spending.charging import Rates, Steps, charge
from monitoring.spending.model_names import find_model, sells
from monitoring.spending.own_prices import OwnPrices
from monitoring.spending.tiers import price_context, priced_tier
from monitoring.spending.usage import Dialect, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

__all__ = [
    "MODEL_COSTS",
    "REPORTED",
    "Overrides",
    "Priced",
    "PricingStatus",
    "Rates",
    "Usage",
    "charge",
    "price",
    "price_call",
    "rates_of",
    "table_name",
]

MODEL_COSTS: dict[str, dict[str, float]] = {
    "gpt-4": {"prompt": 0.00003, "completion": 0.00006},
    "gpt-3.5-turbo": {"prompt": 0.000001, "completion": 0.000002},
    "claude-3": {"prompt": 0.000015, "completion": 0.000075},
}
"""USD per token by model name. An entry counts if the dated table does not know the name, or if the
entry was changed or added at run time. `cache_read` and `cache_write` may stand beside `prompt` and
`completion`.
"""

Overrides = Mapping[str, Mapping[str, float | Decimal]]
"""USD per token by model name, in the shape of MODEL_COSTS; programs of the Python API set them."""

REPORTED = "reported"
"""The source of a price that the client reported."""

_SHIPPED_COSTS = copy.deepcopy(MODEL_COSTS)
_PER_MILLION = Decimal(1_000_000)
_PER_THOUSAND = Decimal(1_000)
_LONGEST_NAME = 200
# Off-peak prices begin at half hours, so a price is remembered for no longer than that.
_REMEMBERED_SECONDS = 30 * 60


class PricingStatus(StrEnum):
    """What is known of the price of a call or another span; rows hold it as plain text."""

    PRICED = "priced"
    UNKNOWN = "unknown"
    """No table knows the model or its service tier, or its prices do not cover all of the usage."""
    OUT_OF_RANGE = "out_of_range"
    """The tokens times their prices are beyond what a call can cost (`monitoring.bounds`)."""
    NO_USAGE = "no_usage"
    """The call has no text and reports no tokens, and its price depends on tokens."""
    NOT_COUNTED = "not_counted"
    """A step around calls, which costs nothing itself."""
    NOT_A_CALL = "not_a_call"
    """A text that the guard judged, and not a whole call."""


class Priced(msgspec.Struct, frozen=True):
    """The price of one call.

    `cost_usd` is None exactly if `status` is not PRICED. `source` names the table and its version,
    or the override. `dialect` tells how the usage was read. `computed_usd` is what the tables give
    where the reported cost counts.
    """

    cost_usd: Decimal | None
    status: PricingStatus
    source: str
    dialect: Dialect = "inclusive"
    computed_usd: Decimal | None = None


class Call(Protocol):
    """What decides the price of a call beside its usage and its moment."""

    @property
    def provider(self) -> str | None: ...
    @property
    def model_name(self) -> str: ...
    @property
    def service_tier(self) -> str | None: ...
    @property
    def reported_cost_usd(self) -> Decimal | None: ...
    @property
    def response_time_ms(self) -> float | None: ...


def price_call(
    call: Call,
    usage: Usage | None,
    at: datetime,
    overrides: Overrides | None = None,
    *,
    own: OwnPrices | None = None,
) -> Priced:
    """Return what counts as the cost of a call: the reported cost, or else that of the tables.

    `own` are the prices of the project. Without `usage` the call has a price only where tokens cost
    nothing, as where a project pays for its own machines by the second. Money is rounded as it is
    stored.
    """
    if usage is None:
        return _price_unmeasured(call, at, own)
    ours = price(
        usage,
        call.provider,
        call.model_name,
        at,
        overrides,
        tier=call.service_tier,
        own=own,
        milliseconds=call.response_time_ms,
    )
    computed = None if ours.cost_usd is None else ours.cost_usd.quantize(COST_PLACES)
    if (told := call.reported_cost_usd) is not None:
        return Priced(told, PricingStatus.PRICED, REPORTED, usage.dialect, computed)
    return msgspec.structs.replace(ours, cost_usd=computed)


def _price_unmeasured(call: Call, at: datetime, own: OwnPrices | None) -> Priced:
    rates = own.rates_of(call.provider, call.model_name, call.service_tier, at) if own else None
    if rates is not None and not rates.need_tokens:
        return price_call(call, Usage(), at, own=own)
    if call.reported_cost_usd is not None:
        return Priced(call.reported_cost_usd, PricingStatus.PRICED, REPORTED)
    return Priced(None, PricingStatus.NO_USAGE, "")


def price(
    usage: Usage,
    provider: str | None,
    model: str,
    at: datetime,
    overrides: Overrides | None = None,
    *,
    tier: str | None = None,
    own: OwnPrices | None = None,
    milliseconds: float | None = None,
) -> Priced:
    """Return the cost of `usage` of `model` at the aware moment `at`.

    `tier` is a service tier; a tier for which the table has no prices has no price. `own` are the
    prices of a project, and `milliseconds` is how long the call lasted. The price is looked for in
    `own`, in `overrides`, in changed or added entries of MODEL_COSTS, in the dated table, and in
    shipped entries of MODEL_COSTS, in this order. Raises ValueError for a negative override.
    """
    rates = rates_of(provider, model, at, overrides, tier=tier, own=own)
    if rates is None:
        return Priced(None, PricingStatus.UNKNOWN, "", usage.dialect)
    cost = charge(usage, rates, milliseconds)
    if cost is None:
        return Priced(None, PricingStatus.UNKNOWN, rates.source, usage.dialect)
    if not is_bounded(cost, MOST_USD):
        return Priced(None, PricingStatus.OUT_OF_RANGE, rates.source, usage.dialect)
    return Priced(cost, PricingStatus.PRICED, rates.source, usage.dialect)


def rates_of(
    provider: str | None,
    model: str,
    at: datetime,
    overrides: Overrides | None = None,
    *,
    tier: str | None = None,
    own: OwnPrices | None = None,
) -> Rates | None:
    """Return the prices of a model at an aware moment, or None if none are known.

    If only the tier is unknown, the result names the model and has no prices of tokens.
    """
    if own is not None and (found := own.rates_of(provider, model, tier, at)) is not None:
        return found
    entry = overrides.get(model) if overrides else None
    if entry is not None:
        return _override("override", tuple(entry.items()))
    entry = MODEL_COSTS.get(model)
    if entry is not None and entry != _SHIPPED_COSTS.get(model):
        return _override("MODEL_COSTS", tuple(entry.items()))
    slot = int(at.timestamp()) // _REMEMBERED_SECONDS
    rates = _table_rates(provider, model, slot, priced_tier(tier)) if len(model) <= _LONGEST_NAME else None
    if rates is None and entry is not None:
        return _override("MODEL_COSTS", tuple(entry.items()))
    return rates


@lru_cache(maxsize=1024)
def _override(source: str, entry: tuple[tuple[str, float | Decimal], ...]) -> Rates:
    amounts = {kind: Decimal(str(amount)) for kind, amount in entry}
    if any(not amount.is_finite() or amount < 0 for amount in amounts.values()):
        raise ValueError("a price per token is a finite number of zero or more")
    steps = {kind: ((-1, amount),) for kind, amount in amounts.items()}
    return Rates(
        source=source,
        input=steps.get("prompt"),
        output=steps.get("completion"),
        cache_read=steps.get("cache_read"),
        cache_write=steps.get("cache_write"),
    )


@lru_cache(maxsize=8192)
def _table_rates(provider: str | None, model: str, slot: int, tier: str | None) -> Rates | None:
    found = find_model(provider, model)
    if found is None:
        return None
    owner, info = found
    at = datetime.fromtimestamp(slot * _REMEMBERED_SECONDS, UTC)
    source = f"{table_name()}:{owner}/{info.id}"
    context = price_context(owner, tier)
    if context is None:
        rates = _rates(info.get_prices(at), source)
    elif sells(owner, info) and _has_variant(info, context, at):
        rates = _rates(info.get_prices(at, context), f"{source} ({tier})")
    else:
        rates = Rates(source=f"{source} ({tier} unknown)", input=None, output=None)
    return None if rates.input is None and rates.output is None and context is None else rates


def _has_variant(info: ModelInfo, context: Mapping[str, str], at: datetime) -> bool:
    """Tell whether the table has prices of its own for a tier at a moment."""
    return any(
        variant.when.items() <= context.items()
        and (variant.constraint is None or variant.constraint.active(at))
        for variant in info.price_variants or ()
    )


def _rates(table: ModelPrice, source: str) -> Rates:
    fees = (table.requests_kcount, table.web_searches_kcount, table.storage_searches_kcount)
    per_call, web_search, file_search = (
        fee / _PER_THOUSAND if isinstance(fee, Decimal) else None for fee in fees
    )
    return Rates(
        source=source,
        input=_steps(table.input_mtok),
        output=_steps(table.output_mtok),
        cache_read=_steps(table.cache_read_mtok),
        cache_write=_steps(table.cache_write_mtok),
        reasoning=_steps(table.output_reasoning_mtok),
        cache_write_1h=_steps(table.cache_write_1h_mtok),
        input_audio=_steps(table.input_audio_mtok),
        output_audio=_steps(table.output_audio_mtok),
        cached_audio=_steps(table.cache_audio_read_mtok),
        input_image=_steps(table.input_image_mtok),
        output_image=_steps(table.output_image_mtok),
        cached_image=_steps(table.cache_image_read_mtok),
        request=per_call or Decimal(0),
        web_search=web_search,
        file_search=file_search,
    )


def _steps(amount: Decimal | TieredPrices | None) -> Steps | None:
    if amount is None:
        return None
    if isinstance(amount, Decimal):
        return ((-1, amount / _PER_MILLION),)
    tiers = [(tier.start, tier.price / _PER_MILLION) for tier in reversed(amount.tiers)]
    return (*tiers, (-1, amount.base / _PER_MILLION))


@cache
def table_name() -> str:
    """Return the name and version of the installed table of prices."""
    return f"genai-prices {version('genai-prices')}"
