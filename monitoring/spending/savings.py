"""What the sums over the calls of one window suggest: prices that are missing.

What needs the calls themselves is in `monitoring.spending.suggestions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

__all__ = ["CostGroup", "Suggestion", "suggest"]

_NAMED_MODELS = 3


class CostGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the calls of one model and operation in a window.

    `operation` is what calls are grouped by beside the model, such as a prompt template. `cost_usd`
    is the sum over the `priced` calls among the `requests`.
    """

    model_name: str
    operation: str | None = None
    requests: int
    priced: int
    cost_usd: Decimal
    prompt_tokens: int
    completion_tokens: int


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """One change that would lower the bill: the observation, and the saving in USD if known."""

    kind: Literal["set_price"]
    model_name: str
    text: str
    saving_usd: Decimal | None


def suggest(groups: Sequence[CostGroup]) -> list[Suggestion]:
    """Return suggestions for the groups of one window."""
    return sorted(_unpriced(groups), key=lambda one: one.text)


def _unpriced(groups: Sequence[CostGroup]) -> list[Suggestion]:
    """Return one suggestion for all models without a price, or none if every price is known."""
    missing: Counter[str] = Counter()
    for group in groups:
        if group.requests > group.priced:
            missing[group.model_name] += group.requests - group.priced
    if not missing:
        return []
    first = sorted(missing, key=lambda name: (-missing[name], name))[:_NAMED_MODELS]
    models = "1 model" if len(missing) == 1 else f"{len(missing)} models"
    return [
        Suggestion(
            kind="set_price",
            model_name=first[0],
            text=f"{missing.total()} requests of {models} have no known price and are missing from every "
            f"total, most of {', '.join(first)}; set what such a model costs with POST /prices or "
            "`llm-monitor prices set`.",
            saving_usd=None,
        )
    ]
