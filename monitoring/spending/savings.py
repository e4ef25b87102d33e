"""Where money could be saved, worked out from what calls of one window have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from monitoring.spending.pricing import Rates, Usage, charge

__all__ = ["CostGroup", "Suggestion", "suggest"]

# Fewer calls than this are an anecdote; a smaller share of the bill is not worth a change.
_FEWEST_REQUESTS = 20
_SMALLEST_SHARE = Decimal("0.01")
_REPEATED_FROM = 0.10
_CACHEABLE_FROM = 0.20
_SHORT_ANSWER_TOKENS = 100
_CHEAPER_BY = 5
_DOLLAR = Decimal(1)


class CostGroup(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of one model and operation came to in a window.

    `operation` is whatever calls are grouped by beside the model, such as a prompt template. `cost_usd`
    sums the `priced` of the `requests`. `repeated_requests` are calls whose whole prompt had been sent to
    this model before in the window; `template_tokens` are prompt tokens in text that calls of the group
    have in common, which a provider's prompt cache could serve. Both are 0 where nobody looked.
    """

    model_name: str
    operation: str | None = None
    requests: int
    priced: int
    cost_usd: Decimal
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int = 0
    repeated_requests: int = 0
    template_tokens: int = 0


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """One change that would lower the bill: what was seen, and the window's saving in USD if it is known."""

    kind: Literal["cache_answers", "use_prompt_cache", "try_cheaper_model", "set_price"]
    model_name: str
    text: str
    saving_usd: Decimal | None


def suggest(groups: Sequence[CostGroup], rates: Mapping[str, Rates]) -> list[Suggestion]:
    """Return what the groups of one window suggest, the largest saving first.

    `rates` are the prices of the models that have one, by name.
    """
    total = sum((group.cost_usd for group in groups), Decimal(0))
    found = [suggestion for group in groups for suggestion in _examine(group, groups, rates, total)]
    found += _unpriced(groups)
    return sorted(found, key=lambda one: (one.saving_usd is None, -(one.saving_usd or 0), one.text))


def _examine(
    group: CostGroup, groups: Sequence[CostGroup], rates: Mapping[str, Rates], total: Decimal
) -> Iterator[Suggestion]:
    if group.requests < _FEWEST_REQUESTS or not group.cost_usd:
        return
    for suggestion in (
        _cache_answers(group),
        _use_prompt_cache(group, rates.get(group.model_name)),
        _try_cheaper_model(group, groups, rates),
    ):
        if suggestion and (suggestion.saving_usd or 0) >= _SMALLEST_SHARE * total:
            yield suggestion


def _cache_answers(group: CostGroup) -> Suggestion | None:
    share = group.repeated_requests / group.requests
    if share < _REPEATED_FROM:
        return None
    saving = group.cost_usd * group.repeated_requests / group.requests
    return Suggestion(
        kind="cache_answers",
        model_name=group.model_name,
        text=f"{_name(group)}: {share:.0%} of {group.requests} requests repeat a prompt word for word; "
        f"keeping their answers would save about {_dollars(saving)} of {_dollars(group.cost_usd)}.",
        saving_usd=saving,
    )


def _use_prompt_cache(group: CostGroup, rates: Rates | None) -> Suggestion | None:
    missed = group.template_tokens - group.cache_read_tokens
    if rates is None or rates.input is None or rates.cache_read is None or not group.prompt_tokens:
        return None
    share = missed / group.prompt_tokens
    saving = missed * (rates.input[-1][1] - rates.cache_read[-1][1])
    if share < _CACHEABLE_FROM or saving <= 0:
        return None
    return Suggestion(
        kind="use_prompt_cache",
        model_name=group.model_name,
        text=f"{_name(group)}: {share:.0%} of prompt tokens are the same text sent again without the "
        f"provider's prompt cache; putting it first and caching it would save about {_dollars(saving)}.",
        saving_usd=saving,
    )


def _try_cheaper_model(
    group: CostGroup, groups: Sequence[CostGroup], rates: Mapping[str, Rates]
) -> Suggestion | None:
    answer = group.completion_tokens / group.requests
    if answer > _SHORT_ANSWER_TOKENS or group.priced < group.requests:
        return None
    mean = Usage(
        group.prompt_tokens // group.requests,
        group.completion_tokens // group.requests,
        group.cache_read_tokens // group.requests,
    )
    others = sorted({other.model_name for other in groups if other.priced} - {group.model_name})
    prices = [(charge(mean, rates[name]), name) for name in others if name in rates]
    known = [(price * group.requests, name) for price, name in prices if price is not None]
    if not known or min(known)[0] * _CHEAPER_BY > group.cost_usd:
        return None
    cost, cheaper = min(known)
    return Suggestion(
        kind="try_cheaper_model",
        model_name=group.model_name,
        text=f"{_name(group)}: {group.requests} answers of {answer:.0f} tokens on average cost "
        f"{_dollars(group.cost_usd)}; {cheaper}, already in use, would cost {_dollars(cost)}: compare "
        "their quality on these.",
        saving_usd=group.cost_usd - cost,
    )


def _unpriced(groups: Sequence[CostGroup]) -> list[Suggestion]:
    missing: dict[str, int] = {}
    for group in groups:
        if group.requests > group.priced:
            missing[group.model_name] = missing.get(group.model_name, 0) + group.requests - group.priced
    return [
        Suggestion(
            kind="set_price",
            model_name=model,
            text=f"{model}: {count} requests have no known price and are missing from every total; "
            "set a price for this model name.",
            saving_usd=None,
        )
        for model, count in missing.items()
    ]


def _name(group: CostGroup) -> str:
    return f"{group.model_name} ({group.operation})" if group.operation else group.model_name


def _dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}" if amount >= _DOLLAR else f"${float(amount):.2g}"
