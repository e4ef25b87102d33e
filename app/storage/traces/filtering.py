"""Filters as conditions of SQL. Values are always bound, and never part of a statement's text.

The result is true where the filter holds, and false or null elsewhere. Every `not` asks for IS NOT
TRUE, so that the opposite of a comparison with a missing value is true.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Double,
    Numeric,
    Text,
    and_,
    case,
    cast,
    collate,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from app.filters import Filter
from app.filters.conditions import And, Comparison, Condition, Not, Operator, Or, Value
from app.filters.fields import FieldType, find_field
from app.filters.matching import ENVIRONMENT_KEYS, fold_case, score_path
from app.schemas.ids import first_id
from app.storage.tables import feedback, scores, traces
from app.storage.traces.reviewed import LABELS, REVIEWED

__all__ = ["LATEST_AHEAD", "field_value", "metadata_text", "where"]

# Acceptance refuses a moment that is further ahead of the moment of receipt in the id.
LATEST_AHEAD = timedelta(days=1)
_ORDERED: Final[Mapping[Operator, Callable[[Any, Any], ColumnElement[bool]]]] = {
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}
_GIVEN, _RATING = "given", "rating"
_RATED = and_(feedback.c.project_id == traces.c.project_id, feedback.c.trace_id == traces.c.trace_id)
# The last 48 bits of an id are drawn by chance.
_CHANCE: Final[ColumnElement[Any]] = literal_column(
    "CAST(CAST(CAST('x' || right(CAST(traces.trace_id AS text), 12) AS bit(48)) AS bigint) AS double precision)"
    " / 281474976710656",
    Double(),
)
_SINCE: Final = frozenset({Operator.MORE, Operator.AT_LEAST})


def where(chosen: Filter) -> ColumnElement[bool]:
    """Return the condition on rows of `traces` for a filter. The project is not part of it."""
    return true() if chosen.condition is None else _sql(chosen.condition)


def _sql(condition: Condition) -> ColumnElement[bool]:
    match condition:
        case And(parts):
            return and_(*map(_sql, parts))
        case Or(parts):
            return or_(*map(_sql, parts))
        case Not(part):
            return _sql(part).is_not(true())
        case Comparison():
            return _compared(condition)


def _compared(comparison: Comparison) -> ColumnElement[bool]:
    named = find_field(comparison.field + comparison.key)
    if named is None:
        raise ValueError(f"a filter names {comparison.field}, which is no field")
    field, key = named
    if field.column == _GIVEN:
        return _given(key, comparison)
    if field.column == _RATING:
        return (
            select(literal(1)).where(_RATED, _plain(feedback.c.rating, comparison)).correlate(traces).exists()
        )
    value = field_value(field.column, key)
    match field.type:
        case FieldType.JSON:
            return _json(key, comparison)
        case FieldType.TEXTS:
            return _texts(field.column, value, comparison)
        case FieldType.MOMENT:
            return _moment(value, comparison)
    return _plain(value, comparison)


def _given(evaluator: str, comparison: Comparison) -> ColumnElement[bool]:
    """Return whether one of the scores that other systems gave is as wanted."""
    wanted = _plain(scores.c.value, comparison)
    return select(literal(1)).where(_given_by(evaluator), wanted).correlate(traces).exists()


def _given_by(evaluator: str) -> ColumnElement[bool]:
    return and_(
        scores.c.project_id == traces.c.project_id,
        scores.c.trace_id == traces.c.trace_id,
        scores.c.evaluator == literal(evaluator, Text()),
    )


def _highest_given(evaluator: str) -> ColumnElement[Any]:
    found = select(func.max(scores.c.value)).where(_given_by(evaluator))
    return found.correlate(traces).scalar_subquery()


def field_value(column: str, key: str = "") -> ColumnElement[Any]:
    """Return what a field stands for: a column, or an expression over columns."""
    computed = _COMPUTED.get(column)
    return traces.c[column] if computed is None else computed(key)


def metadata_text(key: str) -> ColumnElement[Any]:
    """Return the value of a key of metadata as text. It is null for lists and objects."""
    value = traces.c.metadata[key]
    return case((func.jsonb_typeof(value).not_in(("object", "array")), value.astext))


def _plain(value: ColumnElement[Any], comparison: Comparison) -> ColumnElement[bool]:
    match comparison.operator:
        case Operator.EXISTS:
            return value.is_not(None)
        case Operator.IN:
            return _one_of(value, [_bound(value, one) for one in comparison.values])
        case Operator.CONTAINS:
            return _holds(value, str(comparison.values[0]))
        case ordered:
            return _ORDERED[ordered](value, _bound(value, comparison.values[0]))


def _one_of(value: ColumnElement[Any], values: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    return value == values[0] if len(values) == 1 else value.in_(values)


def _bound(value: ColumnElement[Any], given: Value) -> ColumnElement[Any]:
    """Return a bound value in the type in which a column compares it."""
    if not isinstance(given, Decimal):
        return literal(given, value.type)
    if isinstance(value.type, Double):
        return literal(float(given), Double())
    return literal(given, Numeric())


def _holds(value: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    # In this collation only the letters A to Z have another case, whatever the database's own is.
    return func.strpos(func.lower(collate(value, "C")), fold_case(part)) > 0


def _texts(column: str, value: ColumnElement[Any], comparison: Comparison) -> ColumnElement[bool]:
    match comparison.operator:
        case Operator.EXISTS:
            return func.cardinality(value) > 0
        case Operator.CONTAINS:
            one = func.unnest(value).column_valued("one")
            return select(literal(1)).where(_holds(one, str(comparison.values[0]))).exists()
    overlaps: ColumnElement[bool] = value.op("&&", return_type=Boolean())(
        literal(list(comparison.values), ARRAY(Text))
    )
    # A flag makes a trace unsafe, and unsafe ones have an index.
    return and_(traces.c.is_safe.is_(False), overlaps) if column == "flags" else overlaps


def _moment(value: ColumnElement[Any], comparison: Comparison) -> ColumnElement[bool]:
    compared = _plain(value, comparison)
    (moment, *_) = comparison.values or (None,)
    if comparison.operator not in _SINCE or not isinstance(moment, datetime):
        return compared
    # Ids hold the moment of receipt, so this spares partitions whose calls are all older.
    return and_(compared, traces.c.trace_id >= first_id(moment - LATEST_AHEAD))


def _json(key: str, comparison: Comparison) -> ColumnElement[bool]:
    value = traces.c.metadata[key]
    number = case((func.jsonb_typeof(value) == "number", cast(value.astext, Numeric())))
    match comparison.operator:
        case Operator.EXISTS:
            there: ColumnElement[bool] = value.astext.is_not(None)
            return there
        case Operator.CONTAINS:
            return _holds(metadata_text(key), str(comparison.values[0]))
        case Operator.IN:
            return or_(*_json_equals(key, number, comparison.values))
        case ordered:
            return _ORDERED[ordered](number, _bound(number, comparison.values[0]))


def _json_equals(
    key: str, number: ColumnElement[Any], values: tuple[Value, ...]
) -> list[ColumnElement[bool]]:
    texts: list[ColumnElement[Any]] = [literal(one, Text()) for one in values if isinstance(one, str)]
    numbers: list[ColumnElement[Any]] = [
        literal(one, Numeric()) for one in values if isinstance(one, Decimal)
    ]
    truths: list[ColumnElement[Any]] = [
        literal(str(one).lower(), Text()) for one in values if isinstance(one, bool)
    ]
    value = traces.c.metadata[key]
    truth = case((func.jsonb_typeof(value) == "boolean", value.astext))
    groups = ((metadata_text(key), texts), (number, numbers), (truth, truths))
    return [_one_of(column, wanted) for column, wanted in groups if wanted]


def _score(key: str) -> ColumnElement[Any]:
    evaluator, part = score_path(key)
    whole = _in_scores(key, "value")
    found = func.coalesce(whole, _in_scores(evaluator, "parts", part)) if part else whole
    return cast(found, Double())


def _in_scores(*path: str) -> ColumnElement[Any]:
    return func.json_extract_path_text(traces.c.scores, *(literal(one, Text()) for one in path), type_=Text())


def _total_tokens(_: str) -> ColumnElement[Any]:
    prompt, completion = traces.c.prompt_tokens, traces.c.completion_tokens
    return func.coalesce(prompt + completion, prompt, completion)


_COMPUTED: Final[Mapping[str, Callable[[str], ColumnElement[Any]]]] = {
    "score": _score,
    "label": lambda key: _in_scores(key, "label"),
    "given": _highest_given,
    "rating": lambda _: select(func.max(feedback.c.rating)).where(_RATED).correlate(traces).scalar_subquery(),
    "chance": lambda _: _CHANCE,
    "reviewed": lambda _: REVIEWED,
    "people": lambda _: LABELS,
    "metadata": metadata_text,
    "status": lambda _: case((traces.c.error.is_(None), "ok"), else_="error"),
    "environment": lambda _: func.coalesce(*map(metadata_text, ENVIRONMENT_KEYS)),
    "name": lambda _: metadata_text("span.name"),
    "total_tokens": _total_tokens,
}
