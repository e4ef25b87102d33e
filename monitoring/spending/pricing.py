"""What a call cost: dated public prices, overrides by name, and an honest unknown.

Prices come from the table inside the installed genai-prices release; nothing is fetched. A model that no
table knows has no price: it is never guessed from another one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

import msgspec

from monitoring.bounds import MOST_USD, is_bounded
from monitoring.spending.model_names import find_model

if TYPE_CHECKING:
    from genai_prices.types import TieredPrices

__all__ = [
    "MODEL_COSTS",
    "Overrides",
    "Priced",
    "Rates",
    "Usage",
    "charge",
    "price",
    "rates_of",
    "table_name",
]

MODEL_COSTS: dict[str, dict[str, float]] = {
    "gpt-4": {"prompt": 0.00003, "completion": 0.00006},
    "gpt-3.5-turbo": {"prompt": 0.000001, "completion": 0.000002},
    "claude-3": {"prompt": 0.000015, "completion": 0.000075},
}
"""USD per token by model name. An entry counts where the dated table knows no such name, or where it was
changed or added at run time; `cache_read` and `cache_write` may be given beside `prompt` and `completion`.
"""

Overrides = Mapping[str, Mapping[str, float | Decimal]]
"""USD per token by model name, in the shape of MODEL_COSTS; set by an operator for a project."""

Dialect = Literal["inclusive", "exclusive"]
Steps = tuple[tuple[int, Decimal], ...]

_SHIPPED_COSTS = copy.deepcopy(MODEL_COSTS)
_PER_MILLION = Decimal(1_000_000)
_PER_THOUSAND = Decimal(1_000)
_LONGEST_NAME = 200
# Off-peak prices begin at half hours, so an hour would be too coarse to remember a price by.
_REMEMBERED_SECONDS = 30 * 60


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one call as the provider counts them; ValueError for negative numbers.

    `prompt` includes cached tokens and `completion` includes reasoning in the OpenTelemetry dialect;
    where the parts exceed the whole, they are taken to come on top of it.
    """

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    def __post_init__(self) -> None:
        if min(self.prompt, self.completion, self.cache_read, self.cache_write, self.reasoning) < 0:
            raise ValueError("token counts are zero or more")

    @property
    def dialect(self) -> Dialect:
        """`exclusive` when the parts cannot be contained in the totals."""
        contained = self.cache_read + self.cache_write <= self.prompt and self.reasoning <= self.completion
        return "inclusive" if contained else "exclusive"


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of one model at one time in USD per token, and where they come from.

    Each is a series of (more input tokens than, price), highest bound first: the first that holds is the
    price of all tokens of that kind. None: the kind has no price of its own; cached tokens are then
    charged as input, reasoning as output.
    """

    source: str
    input: Steps | None
    output: Steps | None
    cache_read: Steps | None = None
    cache_write: Steps | None = None
    reasoning: Steps | None = None
    request: Decimal = Decimal(0)


class PricingStatus(StrEnum):
    """What is known of the price of a call, or of a span that is none; rows keep it as plain text."""

    PRICED = "priced"
    UNKNOWN = "unknown"
    """No table knows the model, or its prices do not cover what was used."""
    OUT_OF_RANGE = "out_of_range"
    """The tokens times their prices are beyond what a call can cost (`monitoring.bounds`)."""
    NO_USAGE = "no_usage"
    """The call has no text and told no tokens."""
    NOT_COUNTED = "not_counted"
    """A step around calls, which costs nothing itself."""
    NOT_A_CALL = "not_a_call"
    """Half of a call, which the guard was shown."""


class Priced(msgspec.Struct, frozen=True):
    """The price of one call.

    `cost_usd` is None exactly when `status` is not PRICED; `source` names the table and its version, or the
    override; `dialect` tells how the usage was read.
    """

    cost_usd: Decimal | None
    status: PricingStatus
    source: str
    dialect: Dialect = "inclusive"


def price(
    usage: Usage, provider: str | None, model: str, at: datetime, overrides: Overrides | None = None
) -> Priced:
    """Return what `usage` of `model` cost at the aware moment `at`.

    Order: `overrides`, changed or added entries of MODEL_COSTS, the dated table, shipped entries of
    MODEL_COSTS, unknown. Raises ValueError for a negative override.
    """
    rates = rates_of(provider, model, at, overrides)
    if rates is None:
        return Priced(None, PricingStatus.UNKNOWN, "", usage.dialect)
    cost = charge(usage, rates)
    if cost is None:
        return Priced(None, PricingStatus.UNKNOWN, rates.source, usage.dialect)
    if not is_bounded(cost, MOST_USD):
        return Priced(None, PricingStatus.OUT_OF_RANGE, rates.source, usage.dialect)
    return Priced(cost, PricingStatus.PRICED, rates.source, usage.dialect)


def rates_of(
    provider: str | None, model: str, at: datetime, overrides: Overrides | None = None
) -> Rates | None:
    """Return the prices that hold for a model at an aware moment, or None when nobody knows them."""
    entry = overrides.get(model) if overrides else None
    if entry is not None:
        return _override("override", tuple(entry.items()))
    entry = MODEL_COSTS.get(model)
    if entry is not None and entry != _SHIPPED_COSTS.get(model):
        return _override("MODEL_COSTS", tuple(entry.items()))
    slot = int(at.timestamp()) // _REMEMBERED_SECONDS
    rates = _table_rates(provider, model, slot) if len(model) <= _LONGEST_NAME else None
    if rates is None and entry is not None:
        return _override("MODEL_COSTS", tuple(entry.items()))
    return rates


def charge(usage: Usage, rates: Rates) -> Decimal | None:
    """Return tokens times prices in USD, or None when a kind of token that was used has no price."""
    cached = usage.cache_read + usage.cache_write
    uncached = usage.prompt - cached if cached <= usage.prompt else usage.prompt
    answer = usage.completion - usage.reasoning if usage.reasoning <= usage.completion else usage.completion
    total_input = uncached + cached
    cost = rates.request
    for tokens, steps in (
        (uncached, rates.input),
        (usage.cache_read, rates.cache_read or rates.input),
        (usage.cache_write, rates.cache_write or rates.input),
        (answer, rates.output),
        (usage.reasoning, rates.reasoning or rates.output),
    ):
        if not tokens:
            continue
        if steps is None:
            return None
        for bound, amount in steps:
            if total_input > bound:
                cost += tokens * amount
                break
    return cost


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
def _table_rates(provider: str | None, model: str, slot: int) -> Rates | None:
    found = find_model(provider, model)
    if found is None:
        return None
    owner, info = found
    table = info.get_prices(datetime.fromtimestamp(slot * _REMEMBERED_SECONDS, UTC))
    per_request = table.requests_kcount
    rates = Rates(
        source=f"{table_name()}:{owner}/{info.id}",
        input=_steps(table.input_mtok),
        output=_steps(table.output_mtok),
        cache_read=_steps(table.cache_read_mtok),
        cache_write=_steps(table.cache_write_mtok),
        reasoning=_steps(table.output_reasoning_mtok),
        request=per_request / _PER_THOUSAND if isinstance(per_request, Decimal) else Decimal(0),
    )
    return None if rates.input is None and rates.output is None else rates


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
