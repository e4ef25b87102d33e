"""The tree of a filter: comparisons, joined by and, or and not. Each node is true or false.

There is no third state. A comparison with a value that is missing is false, and `not` of it is
true.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

__all__ = ["ORDERED", "And", "Comparison", "Condition", "Not", "Operator", "Or", "Value", "negate"]

Value = str | bool | Decimal | datetime | UUID | bytes
"""A value to compare with. Every number is a Decimal."""


class Operator(StrEnum):
    """How a field is compared. The opposite of each is written with `Not`."""

    IN = "in"
    """Equal to one of the values. `=` is this with a single value."""
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    CONTAINS = "~"
    """The text holds the value, whatever the case of the letters A to Z."""
    EXISTS = "exists"
    """The value is there. It has no value to compare with."""


ORDERED: Final = frozenset({Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST})


class Comparison(msgspec.Struct, frozen=True):
    """One field compared with values. `key` is what follows the dot, such as a key of metadata."""

    field: str
    operator: Operator
    values: tuple[Value, ...] = ()
    key: str = ""


class Not(msgspec.Struct, frozen=True):
    """True where the part is false."""

    part: Condition


class And(msgspec.Struct, frozen=True):
    """True where all parts are."""

    parts: tuple[Condition, ...]


class Or(msgspec.Struct, frozen=True):
    """True where at least one part is."""

    parts: tuple[Condition, ...]


Condition = Comparison | Not | And | Or


def negate(condition: Condition) -> Condition:
    """Return the opposite of a condition. The opposite of an opposite is the condition itself."""
    return condition.part if isinstance(condition, Not) else Not(condition)
