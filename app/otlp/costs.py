"""The cost of a call as clients report it, under the names of every convention, in US dollars.

Totals come from OpenInference, LiteLLM, OpenLIT and Langfuse, OpenRouter, Logfire and Pydantic AI,
and Claude Code. LiteLLM's parts overlap, because its input includes what was read from a cache. So
only those parts are added that make up the whole without overlap.
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
# JSON objects of amounts: that of Langfuse, whose other keys are parts to be added, and that of
# MLflow.
_OBJECTS = {"langfuse.observation.cost_details": "total", "mlflow.llm.cost": "total_cost"}
_NAMES = frozenset((*_TOTALS, *_OBJECTS, *(name for names in _SIDES for name in names)))


def reported_cost(attributes: Attributes) -> Decimal | None:
    """Return the cost that a span reports for its call, None where it reports none.

    The first name with an amount within bounds is used. If there is none but some hold another
    number, the result is BEYOND.
    """
    if attributes.keys().isdisjoint(_NAMES):  # true for most spans, and all of them pass here
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
    """Return the sum of the known values, None without any.

    A value out of bounds makes it BEYOND.
    """
    known = [amount for value in values if (amount := read_cost(value)) is not None]
    return sum(known, Decimal(0)) if known else None
