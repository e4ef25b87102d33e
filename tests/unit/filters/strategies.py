"""Filters for property tests: any tree that the language can express."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from app.filters import Filter
from app.filters.conditions import ORDERED, And, Comparison, Condition, Operator, Or, negate
from app.filters.fields import FAMILIES, FIELDS, Field, FieldType
from app.filters.filter import join

WORDS = ("gpt-4o", "Search", "a b", 'q"uote\\', "line\nbreak", "é", "%_", "", "42", "true")
KEYS = {
    "score": ("toxicity", "relevance", "relevance.topical", "nobody"),
    "label": ("toxicity", "nobody"),
    "given": ("nobody",),
    "metadata": ("team", "odd key", "span.name", "n", "missing"),
}
NUMBERS = tuple(map(Decimal, ("0", "0.5", "1", "42", "-3", "1500", "0.00002", "1e29")))


_MOMENTS = st.datetimes(datetime(2026, 11, 1), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001 the zone is added
_OF_TYPE: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: st.sampled_from(WORDS),
    FieldType.TEXTS: st.sampled_from(WORDS),
    FieldType.NUMBER: st.sampled_from(NUMBERS),
    FieldType.TRUTH: st.booleans(),
    FieldType.MOMENT: _MOMENTS,
    FieldType.ID: st.uuids(),
    FieldType.HEX: st.sampled_from((b"\x01" * 8, b"\xff" * 16)),
}
_OF_JSON: dict[Operator, st.SearchStrategy[Any]] = {
    Operator.IN: st.sampled_from((*WORDS, *NUMBERS, True, False)),
    Operator.CONTAINS: st.sampled_from(WORDS),
}


def _values(field: Field, operator: Operator) -> st.SearchStrategy[Any]:
    if field.values:
        return st.sampled_from(field.values)
    if field.type is FieldType.JSON:
        return _OF_JSON.get(operator, _OF_TYPE[FieldType.NUMBER])
    return _OF_TYPE[field.type]


def _example(field: Field, operator: Operator) -> tuple[tuple[Any, ...], ...]:
    if operator is Operator.EXISTS:
        return ((),)
    number = field.type is FieldType.NUMBER or (field.type is FieldType.JSON and operator in ORDERED)
    found: dict[FieldType, Any] = {
        FieldType.TRUTH: True,
        FieldType.MOMENT: datetime.now(UTC) - timedelta(days=7),
        FieldType.ID: UUID(int=0),
        FieldType.HEX: b"\xff" * 16,
    }
    values = field.values or ((Decimal("0.5"), Decimal(42)) if number else ("Search", "é", "42"))
    return ((found[field.type],),) if field.type in found else tuple((one,) for one in values[:2])


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from((*FIELDS, *FAMILIES * 5)))
    operator = draw(st.sampled_from(sorted(field.operators)))
    key = draw(st.sampled_from(KEYS[field.column])) if field.name.endswith(".") else ""
    most = 3 if operator is Operator.IN else 1
    unique = (lambda value: (type(value), value)) if operator is Operator.IN else None
    values = (
        ()
        if operator is Operator.EXISTS
        else tuple(draw(st.lists(_values(field, operator), min_size=1, max_size=most, unique_by=unique)))
    )
    found: Condition = Comparison(field.name, operator, values, key)
    return negate(found) if draw(st.booleans()) else found


def _joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    lists = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        lists.map(lambda parts: join(And, parts)), lists.map(lambda parts: join(Or, parts)), inner.map(negate)
    )


EACH = tuple(
    Filter(Comparison(field.name, operator, values, key))
    for field in (*FIELDS, *FAMILIES)
    for operator in sorted(field.operators)
    for key in KEYS.get(field.column, ("",))[:2]
    for values in _example(field, operator)
)
"""A filter for every field with every operator."""
CONDITIONS = st.recursive(comparisons(), _joined, max_leaves=6)
FILTERS = st.one_of(st.just(Filter()), CONDITIONS.map(Filter))
