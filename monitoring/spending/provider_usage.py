"""Reading a provider's own usage object: which counts it holds, and what its totals include.

The extractors of genai-prices name the documented paths of each provider, and add what a provider
counts beside its totals. They are chosen by the keys of the object and by the provider.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from monitoring.bounds import BEYOND, MOST_REQUESTS, MOST_TOKENS, is_bounded, read_cost, read_count
from monitoring.spending.model_names import find_model, find_provider, provider_of
from monitoring.spending.tiers import LONGEST_TIER
from monitoring.spending.usage_paths import FIELDS, MORE, Path, Paths, extracted, shape_of

__all__ = ["InvalidCount", "ProviderUsage", "completed", "read_provider_usage"]

_TICKS_OF_A_DOLLAR: Final = Decimal(10**10)


class InvalidCount(ValueError):
    """A documented path of a usage object holds no count. `path` is dotted."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class ProviderUsage(NamedTuple):
    """What a usage object says, under the names of a record's fields.

    Totals include their parts. `cost` is the cost that the provider states, `tier` its word for the
    service tier.
    """

    counts: Mapping[str, int]
    cost: Decimal | None = None
    tier: str | None = None


def read_provider_usage(
    usage: Mapping[str, Any], provider: str | None, model: str, *, strict: bool = True
) -> ProviderUsage | None:
    """Return what a usage object says, or None if no provider's shape has its keys.

    Raises InvalidCount for a value that is no count. Without `strict` such a value is left out, and
    a number beyond its bound becomes BEYOND.
    """
    if not _PYTHON_GEMINI.isdisjoint(usage.keys()):
        usage = _in_camel_case(usage)
    owner = _owner(provider, model)
    shape = shape_of(usage, owner)
    if shape is None:
        return None
    read = _read_strictly if strict else _read_leniently
    paths, documented = _paths(owner, shape)
    counts = _added_up(usage, paths, read)
    for field, path in MORE.get(shape, ()):
        if not counts.get(field) and (number := _number(usage, path, field, read)) is not None:
            counts[field] = number
    if not counts:
        return None
    _join_writes(counts, exclusive=shape in {"messages", "converse"})
    if not documented:
        total = _number(usage, _total_path(shape), "prompt_tokens", read)
        counts = completed(counts, total)
    return ProviderUsage(counts, _stated_cost(usage, owner), _tier(usage))


# Google's library for Python writes the names of its API with underscores.
_PYTHON_GEMINI: Final = frozenset({"prompt_token_count", "candidates_token_count", "total_token_count"})
_UNDERSCORE = re.compile(r"_([a-z])")


def _in_camel_case(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            _UNDERSCORE.sub(lambda found: found[1].upper(), str(key)): _in_camel_case(item)
            for key, item in value.items()
        }
    return [_in_camel_case(item) for item in value] if isinstance(value, list | tuple) else value


def _owner(provider: str | None, model: str) -> str | None:
    """Return the provider's id in the table: the named one, or else the seller of the model."""
    named = find_provider(provider)
    if named is not None:
        return named
    found = find_model(provider, model)
    return found[0] if found else None


@lru_cache(maxsize=1024)
def _paths(owner: str | None, shape: str) -> tuple[Paths, bool]:
    """Return the paths of a shape, and whether the provider documents what its totals include."""
    own = extracted(provider_of(owner), shape) if owner is not None else None
    if own is not None:
        return own, True
    return extracted(provider_of(_MAKERS[shape]), shape) or (), shape not in _SHARED_SHAPES


_MAKERS: Final = {
    "gemini": "google",
    "converse": "aws",
    "messages": "anthropic",
    "realtime": "openai",
    "responses": "openai",
    "chat": "openai",
}
# OpenAI's shapes are used by many servers, which do not all count as OpenAI does.
_SHARED_SHAPES: Final = frozenset({"chat", "responses", "realtime"})

_Read = Callable[[Any, str, int], int | None]


def _added_up(usage: Mapping[str, Any], paths: Paths, read: _Read) -> dict[str, int]:
    counts: dict[str, int] = {}
    for field, path in paths:
        number = _number(usage, path, field, read)
        if number is not None:
            counts[field] = counts.get(field, 0) + number
    return {field: _within(field, number) for field, number in counts.items()}


def _number(usage: Mapping[str, Any], path: Path, field: str, read: _Read) -> int | None:
    value: Any = usage
    walked: list[str] = []
    for step in path:
        if value is None:
            return None
        if isinstance(step, str):
            if not isinstance(value, Mapping):
                return read(None, ".".join(walked), 0)
            walked.append(step)
            value = value.get(step)
        elif isinstance(value, list | tuple):
            named = (
                one for one in value if isinstance(one, Mapping) and isinstance(one.get(step.field), str)
            )
            value = step.extract(tuple(named))
        else:
            return read(None, ".".join(walked), 0)
    return None if value is None else read(value, ".".join(walked), _most(field))


def _read_strictly(value: Any, path: str, most: int) -> int:
    number = _whole(value)
    if number is None:
        raise InvalidCount(path, "Expected a count, which is a whole number")
    if not is_bounded(number, most):
        raise InvalidCount(path, f"Expected a number from 0 to {most}")
    return number


def _read_leniently(value: Any, _path: str, most: int) -> int | None:
    return read_count(value, most)


def _whole(value: Any) -> int | None:
    """Return a whole number however JSON writes it, as 12 or 12.0; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or value.is_integer() else None


def _most(field: str) -> int:
    return MOST_REQUESTS if field.endswith("_requests") else MOST_TOKENS


def _within(field: str, number: int) -> int:
    return number if is_bounded(number, _most(field)) else BEYOND


def _join_writes(counts: dict[str, int], *, exclusive: bool) -> None:
    """Let all writes to the cache include those of five minutes and of an hour."""
    parts = counts.pop(_SHORT_WRITES, 0) + counts.get("cache_write_1h_tokens", 0)
    missing = parts - counts.get("cache_write_tokens", 0)
    if missing > 0:
        counts["cache_write_tokens"] = parts
        if exclusive and "prompt_tokens" in counts:
            counts["prompt_tokens"] += missing


_SHORT_WRITES: Final = FIELDS["cache_write_5m_tokens"]


def completed(counts: dict[str, int], total: int | None) -> dict[str, int]:
    """Return counts with raised totals if the sum of all tokens proves that parts are missing."""
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    if total is None or prompt is None or completion is None:
        return counts
    cached = counts.get("cache_read_tokens", 0) + counts.get("cache_write_tokens", 0)
    reasoned = counts.get("reasoning_tokens", 0)
    missing = total - prompt - completion
    for on_input, on_output in ((cached, 0), (0, reasoned), (cached, reasoned)):
        if 0 < missing == on_input + on_output:
            return counts | {
                "prompt_tokens": prompt + on_input,
                "completion_tokens": completion + on_output,
            }
    return counts


def _total_path(shape: str) -> Path:
    return {"gemini": ("totalTokenCount",), "converse": ("totalTokens",)}.get(shape, ("total_tokens",))


def _stated_cost(usage: Mapping[str, Any], owner: str | None) -> Decimal | None:
    """Return the cost that OpenRouter, xAI or Perplexity states in US dollars.

    OpenRouter charges its own fee and leaves the rest to the customer's key (`is_byok`); the bill
    is then the sum of both.
    """
    ticks = usage.get("cost_in_usd_ticks")
    if isinstance(ticks, int) and not isinstance(ticks, bool):
        return read_cost(Decimal(ticks) / _TICKS_OF_A_DOLLAR)
    cost, details = usage.get("cost"), usage.get("cost_details")
    if isinstance(cost, Mapping):
        return read_cost(cost.get("total_cost"))
    if owner != "openrouter" and not isinstance(details, Mapping):
        return None
    stated = read_cost(cost)
    upstream = read_cost(details.get("upstream_inference_cost")) if isinstance(details, Mapping) else None
    if usage.get("is_byok") is True and upstream is not None:
        return (stated or Decimal(0)) + upstream
    return stated


def _tier(usage: Mapping[str, Any]) -> str | None:
    if usage.get("speed") == "fast":
        return "fast"
    words: Iterator[Any] = (usage.get(name) for name in ("service_tier", "serviceTier", "trafficType"))
    return next((word[:LONGEST_TIER] for word in words if isinstance(word, str) and word), None)
