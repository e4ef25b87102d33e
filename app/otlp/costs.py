"""What clients say that a call cost, under the names of every convention and as one amount of US dollars.

Totals: OpenInference, LiteLLM, OpenLIT and Langfuse, OpenRouter, Logfire and Pydantic AI, Claude Code. LiteLLM's parts
overlap (its input holds what was read from a cache), so that only those are added that together are the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from app.otlp.attributes import Attributes, parsed
from monitoring.bounds import MOST_USD, read_cost

__all__ = ["reported_cost"]

_TOTALS = (
    "llm.cost.total",
    "gen_ai.cost.total_cost",
    "gen_ai.usage.cost",
    "gen_ai.usage.total_cost",
    "operation.cost",
    "cost_usd",
)
_SIDES = (
    ("llm.cost.prompt", "llm.cost.completion"),
    ("gen_ai.cost.input_cost", "gen_ai.cost.output_cost"),
    ("gen_ai.usage.input_cost", "gen_ai.usage.output_cost"),
)
# JSON objects of amounts: Langfuse's, whose other keys are parts to be added, and MLflow's.
_OBJECTS = {"langfuse.observation.cost_details": "total", "mlflow.llm.cost": "total_cost"}
_NAMES = frozenset((*_TOTALS, *_OBJECTS, *(name for names in _SIDES for name in names)))


def reported_cost(attributes: Attributes) -> Decimal | None:
    """Return what a span says that its call cost, None where it says nothing.

    The first name that holds an amount within bounds wins; where none does and some hold another number, BEYOND.
    """
    if attributes.keys().isdisjoint(_NAMES):  # as of most spans, and every one passes here
        return None
    amounts = [
        *(read_cost(attributes.get(name)) for name in _TOTALS),
        *(_read_object(parsed(attributes.get(name)), total) for name, total in _OBJECTS.items()),
        *(_add(attributes.get(name) for name in names) for names in _SIDES),
    ]
    known = [amount for amount in amounts if amount is not None]
    return next((amount for amount in known if amount <= MOST_USD), known[0] if known else None)


def _read_object(details: Any, total: str) -> Decimal | None:
    if not isinstance(details, Mapping):
        return None
    told = read_cost(details.get(total))
    return told if told is not None else _add(details.values())


def _add(values: Iterable[Any]) -> Decimal | None:
    """Return the sum of what is known, None where nothing is; one that is out of bounds makes the sum so."""
    known = [amount for value in values if (amount := read_cost(value)) is not None]
    return sum(known, Decimal(0)) if known else None
