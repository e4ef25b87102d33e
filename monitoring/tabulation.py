"""Adding up what was measured, for many overlapping groups of records in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.histogram import bucket_of

__all__ = ["Observations", "Table"]

_BUCKETS = 1 << 16


class Table(NamedTuple):
    """What was measured in one group, in parallel tuples: one element per measure, then one per bin.

    `measures` are sorted by name; `bin_measures` count them from 1 and `bins` are those of
    `monitoring.histogram`, both ascending.
    """

    measures: tuple[str, ...]
    counts: tuple[int, ...]
    sums: tuple[float, ...]
    hits: tuple[int, ...]
    bin_measures: tuple[int, ...]
    bins: tuple[int, ...]
    bin_counts: tuple[int, ...]


class Observations:
    """Values that were measured on records, in the order of the records."""

    def __init__(self) -> None:
        self._measures: dict[str, int] = {}
        self._where: list[int] = []
        self._values: list[float] = []
        self._hits: list[bool] = []
        self._unbinned: list[int] = []
        self._ends: list[int] = [0]

    def add(self, measure: str, value: float, *, hit: bool = False, binned: bool = True) -> None:
        """Note a value of zero or more of the record at hand; without `binned` it enters no histogram."""
        if not binned:
            self._unbinned.append(len(self._where))
        self._where.append(self._measures.setdefault(measure, len(self._measures)))
        self._values.append(value)
        self._hits.append(hit)

    def end_record(self) -> None:
        """Go on to the next record."""
        self._ends.append(len(self._where))

    def tabulate(self, groups: Sequence[Sequence[int]]) -> list[Table]:
        """Return the table of each group of record numbers; a record may be in several.

        Raises ValueError for values that are negative or not finite.
        """
        if not groups or not self._where:
            return [Table((), (), (), (), (), (), ())] * len(groups)
        names = sorted(self._measures)
        rank = np.empty(len(names), dtype=np.int64)
        rank[[self._measures[name] for name in names]] = np.arange(len(names))
        where = rank[np.array(self._where, dtype=np.int64)]
        values = np.array(self._values, dtype=np.float64)
        buckets = bucket_of(values).astype(np.int64) + _BUCKETS // 2
        buckets[self._unbinned] = -1

        group, element = self._expand(groups)
        cell = group * len(names) + where[element]
        size = len(groups) * len(names)
        counts = np.bincount(cell, minlength=size)
        held = counts > 0
        columns = (
            counts[held],
            np.bincount(cell, weights=values[element], minlength=size)[held],
            np.bincount(cell, weights=np.array(self._hits)[element], minlength=size)[held].astype(np.int64),
        )
        number = np.cumsum(held.reshape(len(groups), -1), axis=1).ravel()
        binned = buckets[element] >= 0
        keys, bin_counts = np.unique(cell[binned] * _BUCKETS + buckets[element][binned], return_counts=True)
        bin_columns = (number[keys // _BUCKETS], keys % _BUCKETS - _BUCKETS // 2, bin_counts)
        starts = np.arange(len(groups) + 1) * len(names)
        tops = _positions(np.flatnonzero(held), starts)
        ends = _positions(keys // _BUCKETS, starts)
        order = (np.flatnonzero(held) % len(names)).tolist()
        plain = [column.tolist() for column in columns]
        bins = [column.tolist() for column in bin_columns]
        return [
            Table(
                tuple(map(names.__getitem__, order[top:next_top])),
                *(tuple(column[top:next_top]) for column in plain),
                *(tuple(column[end:next_end]) for column in bins),
            )
            for top, next_top, end, next_end in zip(tops, tops[1:], ends, ends[1:], strict=False)
        ]

    def _expand(self, groups: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the group and the number of each observation, once for every group that it is in."""
        ends = np.array(self._ends, dtype=np.int64)
        records = np.array([record for rows in groups for record in rows], dtype=np.int64)
        owners = np.repeat(np.arange(len(groups)), [len(rows) for rows in groups])
        lengths = ends[records + 1] - ends[records]
        before = np.cumsum(lengths) - lengths
        element = np.repeat(ends[records] - before, lengths) + np.arange(lengths.sum())
        return np.repeat(owners, lengths), element


def _positions(ascending: NDArray[np.int64], starts: NDArray[np.int64]) -> list[int]:
    positions: list[int] = np.searchsorted(ascending, starts).tolist()
    return positions
