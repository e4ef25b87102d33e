"""Ids of users and sessions in a filter, in every form in which they may be stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from app.filters.conditions import And, Comparison, Condition, Not, Operator, Or
from app.filters.filter import Filter
from monitoring.privacy.redaction import SESSION_ID, USER_ID, OwnId

__all__ = ["with_stored_forms"]

_OWNERS: Final[dict[str, OwnId]] = {"user": USER_ID, "session": SESSION_ID}


def with_stored_forms(chosen: Filter, stored_forms: Callable[[OwnId, str], tuple[str, ...]]) -> Filter:
    """Return the filter for traces whose ids of users and sessions may have become pseudonyms.

    Where an id equals a value, it may also equal the pseudonym of that value. Parts of ids cannot
    be found in pseudonyms.
    """
    if chosen.condition is None:
        return chosen

    def widen(condition: Condition) -> Condition:
        match condition:
            case And(parts):
                return And(tuple(map(widen, parts)))
            case Or(parts):
                return Or(tuple(map(widen, parts)))
            case Not(part):
                return Not(widen(part))
            case Comparison(field, Operator.IN, values) if field in _OWNERS:
                forms = (form for value in values for form in stored_forms(_OWNERS[field], str(value)))
                return msgspec.structs.replace(condition, values=tuple(dict.fromkeys(forms)))
            case Comparison():
                return condition

    return Filter(widen(chosen.condition))
