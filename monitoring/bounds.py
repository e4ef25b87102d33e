"""The bounds of all numbers that come from outside, so small that their sums stay in range.

The largest allowed values of a thousand million records still fit into the columns that add them
up: 1e21 ms into a double, 1e18 tokens into 64 bits, and 1e14 US dollars into the 14 digits before
the point that rollups have.
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from monitoring.marks import Mark
from monitoring.models import Record

__all__ = [
    "BEYOND",
    "COST_PLACES",
    "FIGURES",
    "MOST_MILLISECONDS",
    "MOST_REQUESTS",
    "MOST_TOKENS",
    "MOST_USD",
    "MOST_VALUE",
    "MOST_WEIGHT",
    "bounded",
    "is_bounded",
    "read_cost",
    "read_count",
    "read_number",
]

MOST_MILLISECONDS: Final = 1e12
"""31 years."""
MOST_TOKENS: Final = 10**9
"""Tokens of one kind in one call; the largest context windows hold some tens of millions."""
MOST_REQUESTS: Final = 10**6
"""Requests to one tool, such as web searches, in one call."""
MOST_USD: Final = Decimal(100_000)
"""The cost of one call."""
COST_PLACES: Final = Decimal("1e-10")
"""Costs are stored with this precision, so that sums over stored calls equal the figures."""
MOST_VALUE: Final = 1e20
"""The value of an evaluator, ours or another; parts of scores may be moments in nanoseconds."""
MOST_WEIGHT: Final = 1e6
"""How much one score counts beside others."""

BEYOND: Final = 10**30
"""Readers return this for a number that no bound allows; `bounded` then drops and marks it."""

# The name of each number ends with its unit.
_MOST_OF_UNIT: dict[str, float | Decimal] = {
    "ms": MOST_MILLISECONDS,
    "tokens": MOST_TOKENS,
    "requests": MOST_REQUESTS,
    "usd": MOST_USD,
}
_BOUNDS: dict[str, float | Decimal] = {
    name: _MOST_OF_UNIT[unit]
    for name in Record.__struct_fields__
    if (unit := name.rpartition("_")[2]) in _MOST_OF_UNIT
}
FIGURES: Final = tuple(_BOUNDS)
"""The fields of a record that are numbers."""
_figures_of = attrgetter(*FIGURES)
_LEAST_BOUND = float(min(_BOUNDS.values()))


def is_bounded(number: float | Decimal, most: float | Decimal) -> bool:
    """Tell whether a number lies from 0 to `most`; NaN and infinities do not."""
    return 0 <= number <= most


def bounded(record: Record) -> Record:
    """Return the record without numbers beyond their bounds, and with a mark if it had any."""
    # Every record passes here, and very few have a number beyond the smallest bound.
    for number in filter(None, _figures_of(record)):
        if not 0 <= number <= _LEAST_BOUND:
            break
    else:
        return record
    left_out = {
        name: None
        for name, most in _BOUNDS.items()
        if (number := getattr(record, name)) is not None and not is_bounded(number, most)
    }
    if not left_out:
        return record
    return replace(record, **left_out, marks=tuple(dict.fromkeys((*record.marks, Mark.NUMBER_OUT_OF_RANGE))))


def read_cost(value: object) -> Decimal | None:
    """Return an amount in US dollars, rounded as it is stored; the value may be text.

    Returns None if it is no amount, and BEYOND if it is negative, not finite, or more than a call
    can cost.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        amount = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    except InvalidOperation:
        return None
    if amount.is_nan() or not 0 <= amount <= MOST_USD:
        return Decimal(BEYOND)
    return abs(amount.quantize(COST_PLACES))


def read_number(value: object) -> float | None:
    """Return a number that may be text: BEYOND if negative or not finite, None for others."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except OverflowError:
        return float(BEYOND)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else float(BEYOND)


def read_count(value: object, most: float) -> int | None:
    """Return a whole number from 0 to `most`, however it is written, as 12, 12.0 or text.

    Returns BEYOND for other numbers without a fraction, and for a negative one; None for the rest.
    """
    number = read_number(value)
    if number is None or not number.is_integer():
        return None
    return int(number) if is_bounded(number, most) else BEYOND
