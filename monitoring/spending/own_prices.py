"""Looking up what a call costs in a project's own table of prices."""

from __future__ import annotations

import fnmatch
import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from monitoring.spending.charging import Rates, Steps
from monitoring.spending.model_names import find_provider
from monitoring.spending.price_tables import DOLLAR, OwnPrice, PriceTable
from monitoring.spending.tiers import priced_tier

__all__ = ["OWN", "OwnPrices", "parse_prices"]

OWN: Final = "own"
"""How the sources of prices of a project's own begin."""

_MILLION: Final = Decimal(1_000_000)
_FREE: Final[Steps] = ((-1, Decimal(0)),)
_NOTHING: Final = Decimal(0)
_WILDCARD = re.compile(r"[*?]")
# Projects choose how many prices there are, and their clients choose the names.
_REMEMBERED = 1024
_TABLES = 32


class _Entry(NamedTuple):
    """A price with what it asks of a call, and its rank: the highest that matches counts."""

    price: OwnPrice
    pattern: re.Pattern[str]
    provider: str | None
    tier: str | None
    rank: tuple[bool, int, bool, bool, float]


class OwnPrices:
    """The prices of one project.

    Of several prices that match a call, the one with an exact name counts, or else the one with the
    most characters beside wildcards; then one that names the provider, one that names the tier, and
    the one that began last. Only prices that are valid at the moment of the call are compared.
    """

    def __init__(self, table: PriceTable) -> None:
        self.table = table
        self._entries = sorted(map(_entry, table.prices), key=lambda one: one.rank, reverse=True)
        self._matched: dict[tuple[str | None, str, str | None], tuple[OwnPrice, ...]] = {}
        self._rates: dict[tuple[int, Decimal | None], Rates] = {}

    def rates_of(self, provider: str | None, model: str, tier: str | None, at: datetime) -> Rates | None:
        """Return the prices of a call in US dollars, None where the table has none for it.

        A price in a currency without a rate at that moment gives rates that are unknown.
        """
        for price in self._find(provider, model, tier):
            if price.holds(at):
                return self._in_dollars(price, self.table.rate_of(price.currency, at))
        return None

    def _find(self, provider: str | None, model: str, tier: str | None) -> tuple[OwnPrice, ...]:
        key = (provider, model, tier)
        found = self._matched.get(key)
        if found is None:
            name, owner, word = model.lower(), _provider(provider), priced_tier(tier)
            found = tuple(
                one.price
                for one in self._entries
                if one.pattern.fullmatch(name)
                and (one.price.provider is None or one.provider == owner)
                and (one.price.service_tier is None or one.tier == word)
            )
            if len(self._matched) >= _REMEMBERED:
                self._matched.clear()
            self._matched[key] = found
        return found

    def _in_dollars(self, price: OwnPrice, usd: Decimal | None) -> Rates:
        key = (id(price), usd)
        found = self._rates.get(key)
        if found is None:
            if len(self._rates) >= _REMEMBERED:
                self._rates.clear()
            found = self._rates[key] = _rates(price, usd)
        return found


@lru_cache(maxsize=_TABLES)
def parse_prices(content: str) -> OwnPrices:
    """Return the prices of a table as it is stored; raises ValueError for other texts."""
    return OwnPrices(PriceTable.model_validate_json(content))


def matches(pattern: str, model: str) -> bool:
    """Tell whether the pattern of a price means a model."""
    return _compiled(pattern.lower()).fullmatch(model.lower()) is not None


def _entry(price: OwnPrice) -> _Entry:
    pattern = price.model.lower()
    exact = _WILDCARD.search(pattern) is None
    begun = price.since.timestamp() if price.since else float("-inf")
    return _Entry(
        price,
        _compiled(pattern),
        _provider(price.provider),
        priced_tier(price.service_tier),
        (
            exact,
            len(_WILDCARD.sub("", pattern)),
            price.provider is not None,
            price.service_tier is not None,
            begun,
        ),
    )


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # The groups of fnmatch are atomic, so that matching takes no more than the product of both
    # lengths.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


def _provider(name: str | None) -> str | None:
    return find_provider(name) or (name.strip().lower() if name else None)


def _rates(price: OwnPrice, usd: Decimal | None) -> Rates:
    told = "" if price.currency == DOLLAR else f" ({price.currency} at {_plain(usd)})"
    source = f"{OWN}:{price.model}{told}"
    if usd is None:
        return Rates(source=source, input=None, output=None, request=None)
    tokens = price.per_million_tokens
    given = {} if tokens is None else dict(tokens)
    steps = {kind: ((-1, amount / _MILLION * usd),) for kind, amount in given.items() if amount is not None}
    # Where tokens have no price at all, the price of a request or of GPU time is the whole price.
    rest = None if steps else _NOTHING
    searches = (price.per_web_search, price.per_file_search)
    web_search, file_search = (rest if fee is None else fee * usd for fee in searches)
    return Rates(
        source=source,
        input=steps.get("input") if steps else _FREE,
        output=steps.get("output") if steps else _FREE,
        cache_read=steps.get("cache_read"),
        cache_write=steps.get("cache_write"),
        reasoning=steps.get("reasoning"),
        cache_write_1h=steps.get("cache_write_1h"),
        input_audio=steps.get("input_audio"),
        output_audio=steps.get("output_audio"),
        cached_audio=steps.get("cache_audio_read"),
        input_image=steps.get("input_image"),
        output_image=steps.get("output_image"),
        cached_image=steps.get("cache_image_read"),
        request=(price.per_request or _NOTHING) * usd,
        web_search=web_search,
        file_search=file_search,
        gpu_second=(price.per_gpu_second or _NOTHING) * usd,
    )


def _plain(rate: Decimal | None) -> str:
    return "no known rate" if rate is None else f"{rate:f}"
