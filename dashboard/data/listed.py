"""The traces that a list shows, as its address chooses them, and the columns it shows them in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from app.filters import Filter
from app.filters.conditions import And, Comparison, Condition, Not, Or
from app.filters.fields import find_field
from app.filters.parameters import CALLS, filter_of
from app.privacy import Privacy
from app.schemas.listed import Filters
from dashboard.data.view import View

__all__ = ["DEFAULT_COLUMNS", "MOST_COLUMNS", "filtered_flags", "listed", "read_columns", "read_id"]

DEFAULT_COLUMNS: Final = ("timestamp", "model", "quality", "safety", "flag", "cost", "latency", "prompt")
"""The columns of a list whose address names none."""
MOST_COLUMNS: Final = 20
_LONGEST_NAME: Final = 200


def listed(view: View, now: datetime, privacy: Privacy) -> Filter:
    """Return the filter for the calls of a view, and for steps where its filter names kinds."""
    window = view.window(now)
    within = filter_of(Filters(source=view.source, start=window.start, end=window.end))
    condition = view.condition(privacy)
    if any(one.field == "kind" for one in _comparisons(condition.condition)):
        within = Filter(And(tuple(part for part in _parts(within) if part != CALLS.condition)))
    return within & condition


def filtered_flags(chosen: Filter) -> tuple[str, ...]:
    """Return the flags that a filter asks for, in its order."""
    found = (
        one for part in _parts(chosen) if isinstance(part, Comparison | Or) for one in _comparisons(part)
    )
    return tuple(
        value for one in found if one.field == "flag" for value in one.values if isinstance(value, str)
    )


def read_columns(text: str | None) -> tuple[str, ...]:
    """Return the names of columns in an address, DEFAULT_COLUMNS if it names none that exists.

    A column is a field of the filter language, such as `template` or `score.relevance`.
    """
    names = (name.strip() for name in (text or "").split(","))
    known = dict.fromkeys(name for name in names if len(name) <= _LONGEST_NAME and _exists(name))
    return tuple(known)[:MOST_COLUMNS] or DEFAULT_COLUMNS


def read_id(text: str | None) -> UUID | None:
    """Return the id that a text is, None if it is none."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _exists(name: str) -> bool:
    found = find_field(name)
    return found is not None and bool(found[1] or not found[0].name.endswith("."))


def _parts(chosen: Filter) -> tuple[Condition, ...]:
    condition = chosen.condition
    if condition is None:
        return ()
    return condition.parts if isinstance(condition, And) else (condition,)


def _comparisons(condition: Condition | None) -> Iterator[Comparison]:
    match condition:
        case Comparison():
            yield condition
        case Not(part):
            yield from _comparisons(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _comparisons(part)
