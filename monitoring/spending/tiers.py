"""Service tiers: the words of providers for how a call is served, which decides its price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

__all__ = ["LONGEST_TIER", "ServiceTier", "price_context", "priced_tier"]

ServiceTier = Literal[
    "default",
    "flex",
    "priority",
    "batch",
    "fast",
    "standard",
    "auto",
    "on_demand",
    "scale",
    "performance",
    "reserved",
]
"""The tiers of OpenAI, Anthropic, Google, Bedrock and Groq, as their answers name them."""
LONGEST_TIER: Final = 64
"""The most characters that are kept of a word for a tier."""

_STANDARD = frozenset({"", "default", "standard", "standard_only", "auto", "on_demand"})
# Vertex AI names its tiers as kinds of traffic, such as ON_DEMAND_PRIORITY.
_TRAFFIC = "on_demand_"
# Groq documents that flex calls cost the same as others, only with other limits.
_AT_STANDARD_PRICES: Final = frozenset({("groq", "flex")})
_KEYS = ("service_tier", "processing", "speed")


def priced_tier(tier: str | None) -> str | None:
    """Return the tier whose prices apply, None for the standard prices."""
    word = (tier or "").strip().lower().replace("-", "_").removeprefix(_TRAFFIC)
    return None if word in _STANDARD else word


def price_context(owner: str, tier: str | None) -> Mapping[str, str] | None:
    """Return what a tier means to the table of prices, None for the standard prices.

    The table knows `batch` as a way of processing and Anthropic's `fast` as a speed, and all others
    as service tiers. A tier has only one of these meanings at one provider.
    """
    if tier is None or (owner, tier) in _AT_STANDARD_PRICES:
        return None
    return dict.fromkeys(_KEYS, tier)
