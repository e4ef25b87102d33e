"""Comparing two runs over the items that both answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from monitoring.experiments.answers import PASSING, QUALITY, Answer, value_of
from monitoring.experiments.resampling import chance_of, holm, interval_of

__all__ = ["FEWEST_CHANGES", "ChangedItem", "Comparison", "FigureChange", "compare", "describe_change"]

_LEVEL = 0.05
_SAME = 1e-9
FEWEST_CHANGES: Final = 6
"""Fewer changed items never show a difference: chance explains five of them once in 16 times."""
_MOST_LISTED = 50

Means = dict[str, dict[str, float]]


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
    base: Sequence[Answer],
    other: Sequence[Answer],
    *,
    names: tuple[str, str] = ("base", "with"),
    harms: Iterable[str] = (),
    seed: int = 0,
) -> Comparison:
    """Compare two runs item by item. Repetitions of an item count together, as their mean.

    `harms` are the scores of which a higher value is worse. The same runs and seed give the same
    comparison.
    """
    one, two = _means_of(base), _means_of(other)
    both = [item for item in one if item in two]
    found = {name: None for item in both for name in (*one[item], *two[item])}
    order = sorted(found, key=lambda name: (name != PASSING, name != QUALITY, name))
    worse_if_higher = frozenset(harms)
    changes = [
        msgspec.structs.replace(
            _change(name, _pairs(name, both, one, two), seed, harmful=name in worse_if_higher),
            base_only=sum(name in one[item] and name not in two[item] for item in both),
        )
        for name in order
    ]
    adjusted = _adjusted(changes)
    return Comparison(
        base=names[0],
        other=names[1],
        items=len(both),
        only_base=len(one) - len(both),
        only_other=len(two) - len(both),
        figures=tuple(
            _judged(change, p, names[1], harmful=change.figure in worse_if_higher)
            for change, p in zip(changes, adjusted, strict=True)
        ),
        changed_most=_changed_most(both, one, two),
    )


def _means_of(answers: Iterable[Answer]) -> Means:
    """Return the mean of every figure by item; a figure that no repetition has is absent."""
    repetitions: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        repetitions[answer.item_id].append(answer)
    return {item: _mean_of(group) for item, group in repetitions.items()}


def _mean_of(group: Sequence[Answer]) -> dict[str, float]:
    names = dict.fromkeys([PASSING, *(name for answer in group for name in answer.scores)])
    values = {name: [v for answer in group if (v := value_of(answer, name)) is not None] for name in names}
    return {name: sum(found) / len(found) for name, found in values.items() if found}


def _pairs(name: str, both: Sequence[str], one: Means, two: Means) -> list[tuple[float, float]]:
    return [(one[item][name], two[item][name]) for item in both if name in one[item] and name in two[item]]


def _change(name: str, pairs: Sequence[tuple[float, float]], seed: int, *, harmful: bool) -> FigureChange:
    if not pairs:
        return FigureChange(figure=name, n=0)
    values = np.asarray(pairs, dtype=np.float64)
    differences = values[:, 1] - values[:, 0]
    bounds = interval_of(differences, seed=seed)
    higher, lower = int((differences > _SAME).sum()), int((differences < -_SAME).sum())
    return FigureChange(
        figure=name,
        n=len(pairs),
        base=float(values[:, 0].mean()),
        other=float(values[:, 1].mean()),
        difference=float(differences.mean()),
        low=bounds[0] if bounds else None,
        high=bounds[1] if bounds else None,
        p=chance_of(differences, seed=seed),
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


def _changed_most(both: Sequence[str], one: Means, two: Means) -> tuple[ChangedItem, ...]:
    """Return the items by how much they changed: first in passing, then in quality and scores."""

    def size(item: str) -> tuple[float, float, float]:
        return (
            _moved(one[item], two[item], PASSING),
            _moved(one[item], two[item], QUALITY),
            max((_moved(one[item], two[item], name) for name in one[item]), default=0.0),
        )

    sizes = {item: size(item) for item in both}
    moved = [item for item in both if max(sizes[item]) > _SAME]
    moved.sort(key=lambda item: (*(-one for one in sizes[item]), item))
    return tuple(ChangedItem(item_id=item, base=one[item], other=two[item]) for item in moved[:_MOST_LISTED])


def _moved(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float:
    return abs(after[name] - before[name]) if name in before and name in after else 0.0
