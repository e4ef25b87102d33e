"""The parameters of GET /traces as a filter, so that there is one way to choose traces."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from app.filters.conditions import And, Comparison, Condition, Operator, Value
from app.filters.filter import Filter, join
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.listed import Filters

__all__ = ["CALLS", "filter_of"]

CALLS = Filter(Comparison("kind", Operator.IN, tuple(sorted(COUNTED_KINDS))))
"""The filter that lets calls pass, and not the steps around them."""


def filter_of(filters: Filters) -> Filter:
    """Return the filter that lets calls pass which all the parameters allow."""
    return CALLS & Filter(join(And, found)) if (found := [*_conditions(filters)]) else CALLS


def _conditions(filters: Filters) -> Iterator[Condition]:
    equal: dict[str, tuple[Value | None, ...]] = {
        "source": (filters.source,),
        "model": (filters.model,),
        "user": filters.user_ids,
        "session": filters.session_ids,
        "template": (filters.template_id,),
        "topic": (filters.topic,),
        "flag": (filters.flag,),
        "is_safe": (filters.is_safe,),
    }
    for field, values in equal.items():
        wanted = tuple(value for value in values if value is not None)
        if wanted:
            yield Comparison(field, Operator.IN, wanted)
    for operator, quality in (
        (Operator.AT_LEAST, filters.min_quality),
        (Operator.AT_MOST, filters.max_quality),
    ):
        if quality is not None:
            yield Comparison("quality", operator, (Decimal(repr(quality)),))
    for operator, moment in ((Operator.AT_LEAST, filters.start), (Operator.LESS, filters.end)):
        if moment is not None:
            yield Comparison("timestamp", operator, (moment,))
