"""Calls that were looked at for savings, and what a suggestion is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

import msgspec

from monitoring.spending.charging import Rates, Steps
from monitoring.spending.usage import Usage

__all__ = [
    "LONGEST_TEXT",
    "Family",
    "Kind",
    "Rating",
    "SampledCall",
    "Saving",
    "dollars",
    "families",
    "family_name",
    "fresh_price",
    "spent",
    "step_price",
]

LONGEST_TEXT: Final = 20_000
"""Characters of a text that are looked at."""

Kind = Literal[
    "cache_answers",
    "use_prompt_cache",
    "move_changing_text",
    "try_cheaper_model",
    "retries",
    "cut_answers",
    "unused_context",
]
_EXAMPLES = 10


class SampledCall(msgspec.Struct, frozen=True, kw_only=True):
    """One stored call, with as much of its texts as is looked at.

    `text` is what the model was sent, the first LONGEST_TEXT characters of it: the system prompt,
    and the messages or the prompt. The system prompt is its first `system_characters`. `characters`
    is the length of the whole input, documents included. `digest` tells whole inputs apart, and
    `documents_digest` their documents. `owner` is the session, or else the user. `stopped_at_limit`
    means that the provider says so; `limit` is the limit that was asked for. `breaks_off` means
    that an evaluator found the answer unfinished.
    """

    trace_id: UUID
    at: datetime
    model_name: str
    provider: str | None = None
    service_tier: str | None = None
    template_id: str | None = None
    owner: str | None = None
    cost_usd: Decimal | None = None
    usage: Usage = Usage()
    quality: float | None = None
    is_safe: bool | None = None
    failed: bool = False
    stopped_at_limit: bool = False
    limit: int | None = None
    breaks_off: bool = False
    text: str = ""
    system_characters: int = 0
    characters: int = 0
    digest: str = ""
    documents_digest: str = ""
    response: str = ""
    context: tuple[str, ...] = ()

    @property
    def cost(self) -> Decimal:
        """The cost in US dollars, 0 where it is unknown."""
        return self.cost_usd or Decimal(0)

    def tokens_of(self, characters: int) -> int:
        """Return how many of the input's tokens a part of its characters is, in proportion."""
        whole = max(self.characters, characters)
        return self.usage.prompt * characters // whole if whole else 0


class Saving(msgspec.Struct, frozen=True, kw_only=True):
    """One change that would lower the bill of the calls that were looked at.

    `amount_usd` is what these calls would have cost less, or what was paid in vain. `evidence`
    holds the numbers behind it. `trace_ids` are some of the calls.
    """

    kind: Kind
    model_name: str
    template_id: str | None
    text: str
    amount_usd: Decimal
    evidence: Mapping[str, float | int | str | None]
    trace_ids: tuple[UUID, ...]

    @classmethod
    def of(
        cls,
        kind: Kind,
        family: Family,
        calls: Sequence[SampledCall],
        amount_usd: Decimal,
        text: str,
        evidence: Mapping[str, float | int | str | None],
    ) -> Saving:
        """Return a saving of calls of one family; the last calls are its examples."""
        return cls(
            kind=kind,
            model_name=family[0],
            template_id=family[1],
            text=f"{family_name(family)}: {text}",
            amount_usd=amount_usd,
            evidence={"calls": len(calls), **evidence},
            trace_ids=tuple(call.trace_id for call in calls[-_EXAMPLES:]),
        )


Family = tuple[str, str | None]
"""A model, and a prompt template where the calls name one."""
Rating = Callable[[SampledCall], Rates | None]
"""Returns the prices of a call's model at its moment."""


def families(calls: Iterable[SampledCall]) -> dict[Family, list[SampledCall]]:
    """Return the calls by model and template, in the order in which they come."""
    found: dict[Family, list[SampledCall]] = defaultdict(list)
    for call in calls:
        found[call.model_name, call.template_id].append(call)
    return found


def family_name(family: Family) -> str:
    """Return a family as it is named in a sentence."""
    model, template = family
    return f"{model} ({template})" if template else model


def spent(calls: Iterable[SampledCall]) -> Decimal:
    """Return the cost of calls in US dollars; unknown costs count as nothing."""
    return sum((call.cost for call in calls), Decimal(0))


def step_price(steps: Steps | None, prompt_tokens: int) -> Decimal | None:
    """Return the price per token that holds for an input of so many tokens."""
    return next((amount for bound, amount in steps or () if prompt_tokens > bound), None)


def fresh_price(call: SampledCall, rating: Rating) -> Decimal | None:
    """Return what a fresh input token of a call costs, None if that is unknown."""
    rates = rating(call)
    return step_price(rates.input, call.usage.prompt) if rates else None


def dollars(amount: Decimal) -> str:
    """Return an amount as it is written in a sentence."""
    return f"${amount:,.2f}" if amount >= 1 else f"${float(amount):.2g}"
