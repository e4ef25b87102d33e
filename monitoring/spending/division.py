"""How the cost of calls divides into input, cached input, output, and fees."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from monitoring.spending.charging import Rates, Steps, charge
from monitoring.spending.sampled_calls import step_price
from monitoring.spending.usage import Usage

__all__ = ["Billed", "Division", "divide"]

_NOTHING: Steps = ((-1, Decimal(0)),)
_FREE = Decimal(0)
# Of the fields of Rates that hold prices of tokens, those of each part, each with the fields whose
# price holds where it has none.
_PARTS = {
    "input": {"input": (), "input_audio": ("input",), "input_image": ("input",)},
    "cached": {
        "cache_read": ("input",),
        "cache_write": ("input",),
        "cache_write_1h": ("cache_write", "input"),
        "cached_audio": ("cache_read", "input"),
        "cached_image": ("cache_read", "input"),
    },
    "output": {
        "output": (),
        "reasoning": ("output",),
        "output_audio": ("output",),
        "output_image": ("output",),
    },
}


class Billed(msgspec.Struct, frozen=True):
    """What `count` calls of one model cost, the sum of their usage, and the prices of the model."""

    count: int
    cost: Decimal
    usage: Usage
    rates: Rates | None


class Division(msgspec.Struct, frozen=True):
    """Amounts in US dollars that make the whole: `cached` is what reads and writes of a cache cost.

    `other` is fees of tools and requests, and the cost of calls whose prices are unknown or by the
    second.
    """

    input: Decimal = _FREE
    cached: Decimal = _FREE
    output: Decimal = _FREE
    other: Decimal = _FREE


def divide(groups: Iterable[Billed]) -> Division:
    """Return how the costs of groups of calls divide.

    The parts of a group are in proportion to what its prices give for each, because the cost that
    counts may be a reported one. They add up to its cost exactly. Where a price depends on the
    length of the input, that of the mean length is taken.
    """
    sums = dict.fromkeys((*_PARTS, "other"), _FREE)
    for group in groups:
        left = group.cost
        for part, amount in _weigh(group).items():
            sums[part] += amount
            left -= amount
        sums["other"] += left
    return Division(**sums)


def _weigh(group: Billed) -> dict[str, Decimal]:
    rates = _flat(group)
    if rates is None:
        return {}
    whole = charge(group.usage, rates)
    if not whole:
        return {}
    found = {}
    for part, kinds in _PARTS.items():
        amount = charge(group.usage, _only(rates, kinds))
        found[part] = group.cost * (amount or _FREE) / whole
    return found


def _flat(group: Billed) -> Rates | None:
    """Return prices that hold whatever the number of tokens is, and fees for all calls together."""
    rates = group.rates
    if rates is None or rates.gpu_second:  # seconds of calls are not added up
        return None
    mean = max(group.usage.prompt // max(group.count, 1), 1)
    flat: dict[str, Steps | None] = {}
    for kind in (kind for kinds in _PARTS.values() for kind in kinds):
        amount = step_price(getattr(rates, kind), mean)
        flat[kind] = None if amount is None else ((-1, amount),)
    return msgspec.structs.replace(rates, request=(rates.request or _FREE) * group.count, **flat)


def _only(rates: Rates, kinds: dict[str, tuple[str, ...]]) -> Rates:
    """Return prices under which only some kinds of tokens cost anything."""
    prices: dict[str, Steps | None] = {}
    for kind in (kind for of_part in _PARTS.values() for kind in of_part):
        own = next((found for name in (kind, *kinds.get(kind, ())) if (found := getattr(rates, name))), None)
        prices[kind] = own if kind in kinds else _NOTHING
    return msgspec.structs.replace(rates, request=_FREE, web_search=_FREE, file_search=_FREE, **prices)
