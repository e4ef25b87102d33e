"""Comparing two runs over the items that both answered."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from monitoring.experiments.answers import PASSING, QUALITY, Answer
from monitoring.experiments.means import Means, Pairs
from monitoring.experiments.resampling import Values, chances_of, holm, intervals_of

__all__ = ["FEWEST_CHANGES", "ChangedItem", "Comparison", "FigureChange", "compare", "describe_change"]

_LEVEL = 0.05
_SAME = 1e-9
FEWEST_CHANGES: Final = 6
"""Fewer changed items never show a difference: chance explains five of them once in 16 times."""
_MOST_LISTED = 50


class FigureChange(msgspec.Struct, frozen=True, kw_only=True):
    """How a score or the pass rate differs between two runs.

    `base` and `other` are means over the `n` items that have a value in both runs, and `base_only`
    counts items that lost theirs. `difference` is `other` less `base`. `low` and `high` are the
    bounds of the 95 % interval, and `p` is the probability of such a difference by chance.
    `adjusted_p` allows for the number of figures (Holm 1979). A difference is `real` if
    `adjusted_p` is at most 0.05 and the interval leaves out zero. `better` is None where it is not
    real. `changed` items differ, of which `improved` became better and `worsened` worse.
    """

    figure: str
    n: int
    base_only: int = 0
    base: float | None = None
    other: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float = 1.0
    adjusted_p: float = 1.0
    changed: int = 0
    improved: int = 0
    worsened: int = 0
    real: bool = False
    better: bool | None = None
    sentence: str = ""


class ChangedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item whose result changed: the means over its repetitions in both runs, by figure."""

    item_id: str
    base: dict[str, float]
    other: dict[str, float]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs over the same items.

    `items` were answered in both runs, and `only_base` and `only_other` in one of them. `figures`
    begin with the pass rate. `changed_most` lists items with the greatest change first.
    """

    base: str
    other: str
    items: int
    only_base: int
    only_other: int
    figures: tuple[FigureChange, ...]
    changed_most: tuple[ChangedItem, ...]


def compare(
    base: Iterable[Answer],
    other: Iterable[Answer],
    *,
    names: tuple[str, str] = ("base", "with"),
    harms: Iterable[str] = (),
    seed: int = 0,
) -> Comparison:
    """Compare two runs item by item. Repetitions of an item count together, as their mean.

    `harms` are the scores of which a higher value is worse. The same runs and seed give the same
    comparison. Answers are read once, and only numbers of them are held.
    """
    one, two = Means(base), Means(other)
    both = [item for item in one.items if item in two.items]
    pairs = Pairs(both, one.of(both), two.of(both))
    worse_if_higher = frozenset(harms)
    changes = _changes(pairs, worse_if_higher, seed)
    adjusted = _adjusted(changes)
    return Comparison(
        base=names[0],
        other=names[1],
        items=len(both),
        only_base=len(one.items) - len(both),
        only_other=len(two.items) - len(both),
        figures=tuple(
            _judged(change, p, names[1], harmful=change.figure in worse_if_higher)
            for change, p in zip(changes, adjusted, strict=True)
        ),
        changed_most=_changed_most(pairs),
    )


def _changes(pairs: Pairs, harms: frozenset[str], seed: int) -> list[FigureChange]:
    order = sorted(pairs.figures(), key=lambda name: (name != PASSING, name != QUALITY, name))
    known = [pairs.known(name) for name in order]
    differences = [two - one for one, two in known]
    return [
        msgspec.structs.replace(
            _change(name, *values, difference, harmful=name in harms),
            base_only=pairs.lost(name),
            low=bounds[0] if bounds else None,
            high=bounds[1] if bounds else None,
            p=p,
        )
        for name, values, difference, bounds, p in zip(
            order,
            known,
            differences,
            intervals_of(differences, seed=seed),
            chances_of(differences, seed=seed),
            strict=True,
        )
    ]


def _change(name: str, one: Values, two: Values, differences: Values, *, harmful: bool) -> FigureChange:
    if not len(differences):
        return FigureChange(figure=name, n=0)
    higher, lower = int((differences > _SAME).sum()), int((differences < -_SAME).sum())
    return FigureChange(
        figure=name,
        n=len(differences),
        base=float(one.mean()),
        other=float(two.mean()),
        difference=float(differences.mean()),
        changed=higher + lower,
        improved=lower if harmful else higher,
        worsened=higher if harmful else lower,
    )


def _adjusted(changes: Sequence[FigureChange]) -> list[float]:
    """Return probabilities that allow for the number of figures, of which one may differ by chance.

    A figure with few changes could never be called different, so it does not count (Tarone 1990).
    """
    open_ = [index for index, change in enumerate(changes) if change.changed >= FEWEST_CHANGES]
    adjusted = [1.0] * len(changes)
    for index, p in zip(open_, holm([changes[index].p for index in open_]), strict=True):
        adjusted[index] = p
    return adjusted


def _judged(change: FigureChange, adjusted: float, name: str, *, harmful: bool) -> FigureChange:
    low, high = change.low, change.high
    real = adjusted <= _LEVEL and low is not None and high is not None and (low > 0 or high < 0)
    better = (change.difference or 0.0) > 0
    judged = msgspec.structs.replace(
        change, adjusted_p=adjusted, real=real, better=(better != harmful) if real else None
    )
    return msgspec.structs.replace(judged, sentence=describe_change(judged, name))


def describe_change(change: FigureChange, name: str) -> str:
    """Return what may be claimed about the run called `name`, in one plain sentence."""
    if not change.n:
        return "nothing can be compared: no item has a value in both runs"
    counted = f"{change.changed:,} of {change.n:,} items changed"
    if not change.real or change.low is None or change.high is None or change.difference is None:
        few = 0 < change.changed < FEWEST_CHANGES
        return f"no difference can be claimed: {counted}{', which is too few to tell' if few else ''}"
    low, high = sorted((abs(change.low), abs(change.high)))
    word = "better" if change.better else "worse"
    size = f"{abs(change.difference):.2g} ({low:.2g} to {high:.2g})"
    return f"{name} is {word} by {size}: {counted}"


def _changed_most(pairs: Pairs) -> tuple[ChangedItem, ...]:
    """Return the items by how much they changed: first in passing, then in quality and scores."""
    most = pairs.moved(*pairs.figures())
    sizes = (pairs.moved(PASSING), pairs.moved(QUALITY), most)
    first = heapq.nsmallest(
        _MOST_LISTED,
        np.flatnonzero(most > _SAME).tolist(),
        key=lambda place: (*(-float(size[place]) for size in sizes), pairs.items[place]),
    )
    return tuple(
        ChangedItem(item_id=pairs.items[place], base=base, other=other)
        for place in first
        for base, other in [pairs.at(place)]
    )
