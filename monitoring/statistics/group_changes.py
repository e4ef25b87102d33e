"""Which groups of calls changed most between two periods: in share, quality, cost or latency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from monitoring.statistics.changes import FEWEST, Change, change_of_means, change_of_shares
from monitoring.statistics.intervals import Moments

__all__ = ["Figure", "GroupChange", "GroupFigures", "find_group_changes"]

Figure = Literal["share", "quality", "cost", "latency"]
# Smaller changes are not worth a line, however sure they are: a share of all calls and quality in
# their own units, the others as parts of what they were before.
_SMALLEST: Final[dict[Figure, float]] = {"share": 0.05, "quality": 0.03, "cost": 0.1, "latency": 0.2}
_UNKNOWN: Final = Moments(0, 0.0, 0.0)


class GroupFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One group in one period: its calls, and its quality, cost per call and latency.

    `field` and `value` name the group. What is unknown has no values.
    """

    field: str
    value: str | None
    records: int
    quality: Moments = _UNKNOWN
    cost: Moments = _UNKNOWN
    latency: Moments = _UNKNOWN


class GroupChange(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a group that changed. `size` is 1 for the smallest change worth a line."""

    field: str
    value: str | None
    figure: Figure
    change: Change
    size: float


def find_group_changes(
    before: Sequence[GroupFigures], after: Sequence[GroupFigures], totals: tuple[int, int]
) -> list[GroupChange]:
    """Return the changes that chance does not explain and that are large, the largest first.

    `totals` are the numbers of all calls before and after. Of all comparisons together, at most one
    of twenty holds a wrong claim where nothing changed. Groups with fewer than thirty calls in
    both periods are not compared. Calls without a value of the field are no group.
    """
    earlier = {(one.field, one.value): one for one in before}
    later = {(one.field, one.value): one for one in after}
    pairs = [
        (earlier.get(key, _empty(*key)), later.get(key, _empty(*key)))
        for key in dict.fromkeys([*later, *earlier])
        if key[1] is not None
    ]
    pairs = [pair for pair in pairs if max(one.records for one in pair) >= FEWEST]
    claims = sum(1 for pair in pairs for _ in _compared(*pair, totals, 1))
    found = [
        GroupChange(
            field=new.field, value=new.value, figure=figure, change=change, size=_size(figure, change)
        )
        for old, new in pairs
        for figure, change in _compared(old, new, totals, claims)
        if change.certain
    ]
    return sorted((one for one in found if one.size >= 1), key=lambda one: -one.size)


def _empty(field: str, value: str | None) -> GroupFigures:
    return GroupFigures(field=field, value=value, records=0)


def _compared(
    old: GroupFigures, new: GroupFigures, totals: tuple[int, int], claims: int
) -> Iterator[tuple[Figure, Change]]:
    """Yield the figures of a group that both periods know."""
    found: dict[Figure, Change | None] = {
        "share": change_of_shares((old.records, totals[0]), (new.records, totals[1]), claims),
        "quality": change_of_means(old.quality, new.quality, claims),
        "cost": change_of_means(old.cost, new.cost, claims),
        "latency": change_of_means(old.latency, new.latency, claims),
    }
    for figure, change in found.items():
        if change is not None:
            yield figure, change


def _size(figure: Figure, change: Change) -> float:
    moved = abs(change.difference)
    if figure in {"cost", "latency"}:
        moved = moved / change.before if change.before > 0 else 0.0
    return moved / _SMALLEST[figure]
