"""Inputs that begin alike: what the provider's prompt cache would save, and where it breaks.

Providers cache the beginning of an input, up to the first character that differs from an earlier
one, if it is long enough. A cached beginning lives for some minutes after its last use.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from monitoring.spending.sampled_calls import (
    LONGEST_TEXT,
    Family,
    Rating,
    SampledCall,
    Saving,
    dollars,
    step_price,
)

__all__ = ["find_prefixes"]

_FEWEST = 20
_SHORTEST_TOKENS = 1024  # most providers cache no shorter beginning
_LIFE = timedelta(minutes=5)
_HEAD, _TAIL = 512, 256


class _Shared(NamedTuple):
    """What inputs share: characters at the beginning, and at the end of their system prompts."""

    calls: Sequence[SampledCall]
    family: Family
    prefix: int
    suffix: int
    amount: Decimal
    missed: int


def find_prefixes(calls: Sequence[SampledCall], rating: Rating) -> Iterator[Saving]:
    """Yield what prompt caching would save, for groups of calls of a model that share a beginning.

    A group has at least twenty calls of one template, or with one beginning, or with one end of the
    system prompt. The shared part must be 1,024 tokens. Each call counts for one group, that with
    the greatest saving. `calls` are in order of time.
    """
    groups = [group for group in _groups(calls) if len(group) >= _FEWEST]
    measured = [shared for group in groups if (shared := _measure(group, rating)) is not None]
    counted: set[int] = set()
    for shared in sorted(measured, key=lambda one: -one.amount):
        if counted.isdisjoint(map(id, shared.calls)):
            counted.update(map(id, shared.calls))
            yield _saving(shared)


def _groups(calls: Sequence[SampledCall]) -> Iterator[list[SampledCall]]:
    found: dict[tuple[str, str, str], list[SampledCall]] = defaultdict(list)
    for call in calls:
        if call.template_id:
            found[call.model_name, "template", call.template_id].append(call)
        if len(call.text) >= _HEAD:
            found[call.model_name, "head", call.text[:_HEAD]].append(call)
        system = call.text[: call.system_characters]
        if len(system) >= _TAIL:
            found[call.model_name, "tail", system[-_TAIL:]].append(call)
    yield from found.values()


def _measure(calls: Sequence[SampledCall], rating: Rating) -> _Shared | None:
    templates = {call.template_id for call in calls}
    family = (calls[0].model_name, templates.pop() if len(templates) == 1 else None)
    prefix = _common(call.text for call in calls)
    tokens = sorted(call.tokens_of(prefix) for call in calls)
    if tokens[len(tokens) // 2] >= _SHORTEST_TOKENS:
        return _priced(calls, family, prefix, 0, rating)
    systems = [call.text[: call.system_characters] for call in calls]
    suffix = min(_common(system[::-1] for system in systems), min(map(len, systems)) - prefix)
    if suffix <= 0:
        return None
    tokens = sorted(call.tokens_of(prefix + suffix) for call in calls)
    if tokens[len(tokens) // 2] < _SHORTEST_TOKENS:
        return None
    return _priced(calls, family, prefix, suffix, rating)


def _priced(
    calls: Sequence[SampledCall], family: Family, prefix: int, suffix: int, rating: Rating
) -> _Shared | None:
    amount, missed = Decimal(0), 0
    before: SampledCall | None = None
    for call in calls:
        lives = before is not None and call.at - before.at <= _LIFE
        before = call
        rates = rating(call)
        fresh = step_price(rates.input, call.usage.prompt) if rates else None
        cached = step_price(rates.cache_read, call.usage.prompt) if rates else None
        if rates is None or fresh is None or cached is None:
            continue
        tokens = call.tokens_of(prefix + suffix)
        if lives:
            lacking = max(tokens - call.usage.cache_read, 0)
            missed += lacking
            amount += lacking * (fresh - cached)
        elif not call.usage.cache_write:
            written = step_price(rates.cache_write, call.usage.prompt) or fresh
            amount -= tokens * (written - fresh)
    return _Shared(calls, family, prefix, suffix, amount, missed) if missed and amount > 0 else None


def _saving(shared: _Shared) -> Saving:
    calls, prefix = shared.calls, shared.prefix
    evidence = {
        "shared_characters": prefix + shared.suffix,
        "first_difference_at": None if prefix >= LONGEST_TEXT else prefix,
        "missed_tokens": shared.missed,
    }
    where = f"first differ at character {prefix:,}" if prefix < LONGEST_TEXT else "do not differ within them"
    if not shared.suffix:
        text = (
            f"{len(calls)} inputs share their first {prefix:,} characters and {where}, but "
            f"{shared.missed:,} tokens of that were not read from the provider's prompt cache; "
            f"caching them would have saved {dollars(shared.amount)}."
        )
        return Saving.of("use_prompt_cache", shared.family, calls, shared.amount, text, evidence)
    text = (
        f"{len(calls)} inputs {where}, where prompt caching breaks, although {shared.suffix:,} "
        "further characters of the system prompt are the same; with what changes moved behind them, "
        f"caching would have saved {dollars(shared.amount)}."
    )
    return Saving.of("move_changing_text", shared.family, calls, shared.amount, text, evidence)


def _common(texts: Iterator[str]) -> int:
    """Return the length of the longest common beginning."""
    found = list(texts)
    # What the smallest and the greatest share, all share.
    low, high = min(found), max(found)
    if low == high:
        return len(low)
    end = min(len(low), len(high))
    first, last = 0, end
    while first < last:  # comparing halves keeps this in compiled code
        middle = (first + last + 1) // 2
        if low[first:middle] == high[first:middle]:
            first = middle
        else:
            last = middle - 1
    return first
