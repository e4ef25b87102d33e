"""Which calls wait for a person, as a filter: those that one of a project's rules chooses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from app.filters.conditions import And, Comparison, Condition, Not, Operator, Or
from app.filters.filter import Filter
from app.schemas.catalogue import Judge
from app.schemas.projects import ProjectSettings

__all__ = ["queue_of"]

_GOOD_FROM: Final = 0.45  # ordinary answers have about 0.5
_FLAGGED: Final = Comparison("is_safe", Operator.IN, (False,))


def queue_of(settings: ProjectSettings, judges: Iterable[Judge]) -> Filter:
    """Return the filter of the calls that a project wants people to look at.

    Without any rule it chooses flagged calls.
    """
    found = [*_rules(settings, judges)] or [_FLAGGED]
    return Filter(found[0] if len(found) == 1 else Or(tuple(found)))


def _rules(settings: ProjectSettings, judges: Iterable[Judge]) -> Iterator[Condition]:
    wanted = settings.review
    if wanted.flagged:
        yield _FLAGGED
    if wanted.near_threshold is not None:
        yield from _near(settings, judges, wanted.near_threshold)
    if wanted.quality_below is not None:
        yield _number("quality", Operator.LESS, wanted.quality_below)
    if wanted.disagreeing:
        yield from _disagreeing()
    if wanted.random_share is not None:
        yield _number("chance", Operator.LESS, wanted.random_share)


def _near(settings: ProjectSettings, judges: Iterable[Judge], distance: float) -> Iterator[Condition]:
    for judge in judges:
        threshold = settings.policy.thresholds.get(judge.name, judge.threshold)
        if judge.category == "safety" and threshold is not None:
            low = _number("score.", Operator.AT_LEAST, threshold - distance, judge.name)
            yield And((low, _number("score.", Operator.AT_MOST, threshold + distance, judge.name)))


def _disagreeing() -> Iterator[Condition]:
    bad = _number("quality", Operator.LESS, _GOOD_FROM)
    yield And((_number("rating", Operator.AT_MOST, 2), Not(_FLAGGED), Not(bad)))
    yield And((_number("rating", Operator.AT_LEAST, 4), Or((_FLAGGED, bad))))


def _number(field: str, operator: Operator, value: float, key: str = "") -> Comparison:
    return Comparison(field, operator, (Decimal(repr(round(value, 6))),), key)
