"""A parsed filter, and its canonical text."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from app.filters.conditions import And, Comparison, Condition, Not, Operator, Or, Value

__all__ = ["Filter", "quoted"]

_PLAIN_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/:")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"})


class Filter(msgspec.Struct, frozen=True):
    """A filter of traces. Without a condition it lets every trace pass.

    Two filters are equal if they have the same conditions in the same order.
    """

    condition: Condition | None = None

    def to_text(self) -> str:
        """Return the canonical text, which `parse_filter` reads as an equal filter."""
        return "" if self.condition is None else _written(self.condition)

    def __and__(self, other: Filter) -> Filter:
        """Return the filter that lets pass what both let pass."""
        parts = [one.condition for one in (self, other) if one.condition is not None]
        return Filter(join(And, parts)) if parts else Filter()


def join(kind: type[And | Or], parts: list[Condition]) -> Condition:
    """Return conditions joined by and, or by or, without nesting the same kind."""
    flat: list[Condition] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def quoted(text: str) -> str:
    """Return a text as it is written in a filter."""
    return f'"{text.translate(_ESCAPES)}"'


def _written(condition: Condition) -> str:
    match condition:
        case And(parts):
            return " and ".join(_bracketed(part, Or) for part in parts)
        case Or(parts):
            return " or ".join(_bracketed(part, And) for part in parts)
        case Not(Comparison() as comparison):
            return _comparison(comparison, negated=True)
        case Not(part):
            return f"not ({_written(part)})"
        case Comparison():
            return _comparison(condition, negated=False)


def _bracketed(part: Condition, looser: type[And | Or]) -> str:
    # Brackets around `and` inside `or` change nothing, but nobody has to know which binds closer.
    return f"({_written(part)})" if isinstance(part, looser) else _written(part)


def _comparison(comparison: Comparison, *, negated: bool) -> str:
    name, values = _name(comparison), [_value(value) for value in comparison.values]
    match comparison.operator:
        case Operator.EXISTS:
            return f"{name} is null" if negated else f"{name} is not null"
        case Operator.IN if len(values) == 1:
            return f"{name} {'!=' if negated else '='} {values[0]}"
        case Operator.IN:
            return f"{name} {'not in' if negated else 'in'} ({', '.join(values)})"
        case Operator.CONTAINS:
            return f"{name} {'!~' if negated else '~'} {values[0]}"
        case operator:
            text = f"{name} {operator} {values[0]}"
            return f"not ({text})" if negated else text


def _name(comparison: Comparison) -> str:
    if not comparison.key:
        return comparison.field
    plain = _PLAIN_KEY.issuperset(comparison.key)
    return f"{comparison.field}{comparison.key if plain else quoted(comparison.key)}"


def _number(value: Decimal) -> str:
    """Return the shortest text, so that equal numbers have equal texts."""
    whole, _, fraction = format(abs(value), "f").partition(".")
    fraction = fraction.rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return _number(value)
        case datetime():
            return quoted(value.astimezone(UTC).isoformat())
        case UUID():
            return quoted(str(value))
        case bytes():
            return quoted(value.hex())
        case str():
            return quoted(value)
