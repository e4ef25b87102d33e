"""Evaluating a filter over one trace. SQL (app.storage.traces.filtering) gives the same answers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from app.filters.conditions import And, Comparison, Condition, Not, Operator, Or, Value
from app.filters.fields import find_field
from app.filters.filter import Filter
from app.schemas.traces import Trace
from monitoring.models import Score

__all__ = ["ENVIRONMENT_KEYS", "fold_case", "matches", "score_path"]

ENVIRONMENT_KEYS: Final = (
    "environment",
    "deployment.environment.name",
    "deployment.environment",
    "langfuse.environment",
)
"""The keys of metadata that may name the environment. The first that is there counts."""
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_ORDERED: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


def matches(chosen: Filter, trace: Trace) -> bool:
    """Tell whether a filter lets a trace pass. Ids of users are compared as they are stored."""
    return chosen.condition is None or _holds(chosen.condition, trace)


def fold_case(text: str) -> str:
    """Return a text with small letters for A to Z. All other characters stay as they are."""
    return text.translate(_LOWER)


def score_path(key: str) -> tuple[str, str]:
    """Return the evaluator and the part that a key names; without a dot the part is empty."""
    evaluator, _, part = key.partition(".")
    return evaluator, part


def _holds(condition: Condition, trace: Trace) -> bool:
    match condition:
        case And(parts):
            return all(_holds(part, trace) for part in parts)
        case Or(parts):
            return any(_holds(part, trace) for part in parts)
        case Not(part):
            return not _holds(part, trace)
        case Comparison():
            return _compare(condition, trace)


def _compare(comparison: Comparison, trace: Trace) -> bool:
    found = _read(comparison, trace)
    if found is None:
        return False
    if isinstance(found, tuple):
        return any(_agrees(comparison, one) for one in found)
    return _agrees(comparison, found)


def _agrees(comparison: Comparison, found: Any) -> bool:
    """Tell whether one value that is there is as the comparison wants it."""
    match comparison.operator:
        case Operator.EXISTS:
            return True
        case Operator.IN:
            return any(_equals(found, value) for value in comparison.values)
        case Operator.CONTAINS:
            text = _text(found)
            return text is not None and fold_case(str(comparison.values[0])) in fold_case(text)
        case ordered:
            compared = _comparable(found, comparison.values[0])
            return compared is not None and _ORDERED[ordered](*compared)


def _equals(found: Any, value: Value) -> bool:
    if isinstance(value, str):
        return _text(found) == value
    if isinstance(value, bool) or isinstance(found, bool):
        return found is value
    compared = _comparable(found, value)
    return compared is not None and bool(compared[0] == compared[1])


def _comparable(found: Any, value: Value) -> tuple[Any, Any] | None:
    """Return two values as one type, None if they cannot be compared."""
    if not isinstance(value, Decimal):
        return found, value
    if isinstance(found, float):
        return found, float(value)
    return (found, value) if isinstance(found, int | Decimal) and not isinstance(found, bool) else None


def _text(found: Any) -> str | None:
    """Return the text of a value as Postgres writes it, None for lists and objects."""
    match found:
        case str():
            return found
        case bool():
            return "true" if found else "false"
        case int():
            return str(found)
        case Decimal():
            return format(found or abs(found), "f")
    return None


def _read(comparison: Comparison, trace: Trace) -> Any:
    """Return the value of a field in a trace: None if it is missing, several as a tuple."""
    named = find_field(comparison.field + comparison.key)
    column = named[0].column if named is not None else comparison.field
    computed = _COMPUTED.get(column)
    if computed is not None:
        return computed(trace, comparison.key)
    return getattr(trace, column)


def _score(trace: Trace, key: str) -> float | None:
    whole = trace.scores.get(key)
    if isinstance(whole, Score) and whole.value is not None:
        return whole.value
    evaluator, part = score_path(key)
    found = trace.scores.get(evaluator)
    return found.parts.get(part) if part and isinstance(found, Score) else None


def _label(trace: Trace, key: str) -> str | None:
    found = trace.scores.get(key)
    return found.label if isinstance(found, Score) else None


def _metadata(trace: Trace, key: str) -> Any:
    # Postgres keeps numbers of JSON as they are written, and so compares them exactly.
    found = trace.metadata.get(key)
    return Decimal(repr(found)) if isinstance(found, float) else found


def _environment(trace: Trace, _: str) -> str | None:
    return _first_text([_metadata(trace, key) for key in ENVIRONMENT_KEYS])


def _first_text(values: Sequence[Any]) -> str | None:
    return next((text for text in map(_text, values) if text is not None), None)


def _total_tokens(trace: Trace, _: str) -> int | None:
    counts = [count for count in (trace.prompt_tokens, trace.completion_tokens) if count is not None]
    return sum(counts) if counts else None


_COMPUTED: Final[Mapping[str, Callable[[Trace, str], Any]]] = {
    "score": _score,
    "label": _label,
    # Scores that other systems gave are no part of a trace, and only SQL finds them.
    "given": lambda _trace, _key: None,
    # Labels of people are none either, and a call that was just scored has none yet.
    "reviewed": lambda _trace, _key: False,
    "people": lambda _trace, _key: (),
    "rating": lambda _trace, _key: None,
    "chance": lambda trace, _key: int.from_bytes(trace.trace_id.bytes[-6:]) / 2**48,
    "metadata": _metadata,
    "status": lambda trace, _: "ok" if trace.error is None else "error",
    "environment": _environment,
    "name": lambda trace, _: _first_text([_metadata(trace, "span.name")]),
    "total_tokens": _total_tokens,
}
