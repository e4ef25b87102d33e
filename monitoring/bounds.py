"""The bounds of every number from outside, chosen by what sums of them can bear.

A thousand million records of the largest value that is let in still fit into what adds them up: 1e21 ms into a
double, 1e18 tokens into 64 bits, 1e14 US dollars into the 14 digits before the point that rollups have.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from monitoring.models import Record

__all__ = [
    "BEYOND",
    "MOST_MILLISECONDS",
    "MOST_TOKENS",
    "MOST_USD",
    "MOST_VALUE",
    "MOST_WEIGHT",
    "OUT_OF_RANGE",
    "bounded",
    "is_bounded",
    "read_number",
]

MOST_MILLISECONDS: Final = 1e12
"""31 years."""
MOST_TOKENS: Final = 10**9
"""Tokens of one kind in one call; the largest context windows hold some ten millions."""
MOST_USD: Final = Decimal(100_000)
"""The cost of one call."""
MOST_VALUE: Final = 1e20
"""What an evaluator measured, or somebody else's; parts of scores may be moments in nanoseconds."""
MOST_WEIGHT: Final = 1e6
"""How much one score counts beside others."""

OUT_OF_RANGE: Final = "number_out_of_range"
"""The mark of a record of which a number was left out, because it is negative, no number, or beyond its bound."""
BEYOND: Final = 10**30
"""What a reader returns for a number that no bound lets in, so that `bounded` leaves it out and marks it."""

_DURATIONS = ("response_time_ms", "time_to_first_token_ms")
_COUNTS = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def is_bounded(number: float | Decimal, most: float | Decimal) -> bool:
    """Tell whether a number lies from 0 to `most`; NaN and infinities do not."""
    return 0 <= number <= most


def bounded(record: Record) -> Record:
    """Return the record without numbers beyond their bounds, and marked where it had some."""
    # Written out, because every record passes here: a loop over the names takes three times as long.
    if (
        ((number := record.response_time_ms) is None or 0 <= number <= MOST_MILLISECONDS)
        and ((number := record.time_to_first_token_ms) is None or 0 <= number <= MOST_MILLISECONDS)
        and ((number := record.prompt_tokens) is None or 0 <= number <= MOST_TOKENS)
        and ((number := record.completion_tokens) is None or 0 <= number <= MOST_TOKENS)
        and ((number := record.cache_read_tokens) is None or 0 <= number <= MOST_TOKENS)
        and ((number := record.cache_write_tokens) is None or 0 <= number <= MOST_TOKENS)
        and ((number := record.reasoning_tokens) is None or 0 <= number <= MOST_TOKENS)
    ):
        return record
    bounds = [(name, MOST_MILLISECONDS) for name in _DURATIONS] + [(name, MOST_TOKENS) for name in _COUNTS]
    left_out = {
        name: None
        for name, most in bounds
        if (number := getattr(record, name)) is not None and not is_bounded(number, most)
    }
    return replace(record, **left_out, marks=tuple(dict.fromkeys((*record.marks, OUT_OF_RANGE))))


def read_number(value: object) -> float | None:
    """Return a number that may be written as text, BEYOND for one below zero or without an end; None for none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except OverflowError:
        return float(BEYOND)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else float(BEYOND)
