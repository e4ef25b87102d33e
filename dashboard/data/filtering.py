"""What the filter box does to an address: what is entered is added, and parts are taken away."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from app.errors import InvalidParameter
from app.filters import Filter, parse_filter
from app.filters.conditions import And, Condition
from app.filters.filter import join
from dashboard.data.view import read_fields, with_fields

__all__ = ["FilterPart", "filter_parts", "mistake_of", "with_entered"]

_MOST_SHOWN: Final = 20


class FilterPart(NamedTuple):
    """One of the conditions that all must hold, and the address without it."""

    text: str
    without: str


def with_entered(search: str | None, text: str) -> str:
    """Return the query part of an address after a text was entered in the filter box.

    The id of a trace opens that trace, in any period. All else is a filter. Raises InvalidParameter
    for a filter with a mistake.
    """
    entered = text.strip()
    try:
        return with_fields(search, trace=str(UUID(entered)))
    except ValueError:
        written = parse_filter(entered).to_text()
        return with_fields(search, filter=written or None, before=None)


def filter_parts(search: str | None) -> list[FilterPart]:
    """Return the first parts of an address's filter; raises InvalidParameter for a mistake."""
    condition = parse_filter(read_fields(search).get("filter", "")).condition
    if condition is None:
        return []
    parts: list[Condition] = list(condition.parts) if isinstance(condition, And) else [condition]
    found = []
    for place, part in enumerate(parts[:_MOST_SHOWN]):
        others = parts[:place] + parts[place + 1 :]
        left = Filter(join(And, others)).to_text() if others else None
        found.append(FilterPart(Filter(part).to_text(), with_fields(search, filter=left, before=None)))
    return found


def mistake_of(error: InvalidParameter) -> tuple[str, int | None]:
    """Return what is wrong with a filter, and at which character it is, counted from 1."""
    first = error.errors[0] if error.errors else {}
    position = first.get("position")
    said = str(first.get("message", error.detail))
    return said, position if isinstance(position, int) else None
