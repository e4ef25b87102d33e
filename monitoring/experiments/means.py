"""The means of runs by item, in columns of numbers, so that runs of 100,000 items fit in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from monitoring.experiments.answers import PASSING, Answer
from monitoring.experiments.resampling import Values

__all__ = ["Columns", "Means", "Pairs"]

Columns = dict[str, Values]
"""A value for each item by figure, NaN where an item has none."""


class _Column:
    """The values of one figure: the places of their items, and the values."""

    def __init__(self) -> None:
        self.places = array("q")
        self.values = array("d")

    def means(self, count: int) -> Values:
        places, values = np.array(self.places, dtype=np.int64), np.array(self.values)
        numbers = np.bincount(places, minlength=count)
        sums = np.bincount(places, weights=values, minlength=count)
        means: Values = np.divide(sums, numbers, out=np.full(count, np.nan), where=numbers > 0)
        return means


class Means:
    """The mean of every figure of a run by item. `items` has the place of each item."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.items: dict[str, int] = {}
        self._columns: dict[str, _Column] = {}
        for answer in answers:
            place = self.items.setdefault(answer.item_id, len(self.items))
            if answer.passed is not None:
                self._add(PASSING, place, float(answer.passed))
            for name, value in answer.scores.items():
                self._add(name, place, value)

    def _add(self, name: str, place: int, value: float) -> None:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = _Column()
        column.places.append(place)
        column.values.append(value)

    def of(self, items: Sequence[str]) -> Columns:
        """Return the means of these items, in their order."""
        places = np.array([self.items[item] for item in items], dtype=np.int64)
        return {name: column.means(len(self.items))[places] for name, column in self._columns.items()}


class Pairs:
    """The means of the items that two runs have, `one` before `two`."""

    def __init__(self, items: Sequence[str], one: Columns, two: Columns) -> None:
        self.items = items
        self._nothing = np.full(len(items), np.nan)
        self._one, self._two = one, two

    def figures(self) -> list[str]:
        """Return the figures that any item has in any of the runs."""
        names = dict.fromkeys((*self._one, *self._two))
        return [name for name in names if not all(np.isnan(column).all() for column in self._both(name))]

    def known(self, name: str) -> tuple[Values, Values]:
        """Return the values of the items that have one in both runs."""
        one, two = self._both(name)
        known = ~(np.isnan(one) | np.isnan(two))
        return one[known], two[known]

    def lost(self, name: str) -> int:
        """Return how many items have a value in the first run alone."""
        one, two = self._both(name)
        return int((~np.isnan(one) & np.isnan(two)).sum())

    def moved(self, *names: str) -> Values:
        """Return by how much each item changed at most in these figures, 0 if unknown."""
        moved = np.zeros(len(self.items))
        for name in names:
            one, two = self._both(name)
            moved = np.fmax(moved, np.abs(two - one))
        return moved

    def at(self, place: int) -> tuple[dict[str, float], dict[str, float]]:
        """Return what one item has in both runs, by figure."""
        one, two = (
            {name: float(column[place]) for name, column in run.items() if not np.isnan(column[place])}
            for run in (self._one, self._two)
        )
        return one, two

    def _both(self, name: str) -> tuple[Values, Values]:
        return self._one.get(name, self._nothing), self._two.get(name, self._nothing)
