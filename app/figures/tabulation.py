"""Adding up what was measured, for many overlapping groups of records in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.statistics.histogram import bucket_of

__all__ = ["NO_TABLE", "Extent", "Observations", "Table"]

_BUCKETS = 1 << 16


class Table(NamedTuple):
    """What was measured in one group, in parallel tuples: one element per measure, then one per bin.

    `measures` are sorted by name; `bin_measures` count them from 1 and `bins` are those of
    `monitoring.statistics.histogram`, both ascending.
    """

    measures: Sequence[str]
    counts: Sequence[int]
    sums: Sequence[float]
    hits: Sequence[int]
    bin_measures: Sequence[int]
    bins: Sequence[int]
    bin_counts: Sequence[int]


class Extent(NamedTuple):
    """How much of what was measured a group keeps, by the name of the measure: its sums, and its histogram."""

    sums: Callable[[str], bool]
    histogram: Callable[[str], bool]


NO_TABLE = Table((), (), (), (), (), (), ())


class Observations(NamedTuple):
    """Values that were measured on records, in the order of the records.

    `lengths` says how many belong to each record. Of each observation, `measures` is its place in `names`
    and `values` its value of zero or more; `hits` and `unbinned` are the places of observations that are
    hits, and of those that enter no histogram.
    """

    names: Sequence[str]
    lengths: NDArray[np.int64]
    measures: NDArray[np.int64]
    values: NDArray[np.float64]
    hits: NDArray[np.int64]
    unbinned: NDArray[np.int64]

    def tabulate(
        self,
        owners: NDArray[np.int64],
        records: NDArray[np.int64],
        extents: Sequence[Extent],
    ) -> list[Table]:
        """Return the table of each group; `owners` ascend, and pair by pair own one of `records`.

        A record may be in several groups, `extents` has an element per group. Raises ValueError for values that
        are negative or not finite.
        """
        groups = len(extents)
        if not groups or not self.measures.size:
            return [NO_TABLE] * groups
        used = np.unique(self.measures).tolist()
        used.sort(key=self.names.__getitem__)
        names = [self.names[place] for place in used]
        rank = np.zeros(len(self.names), dtype=np.int64)
        rank[used] = np.arange(len(used))
        group, element = self._expand(owners, records)
        cell = group * len(used) + rank[self.measures][element]
        masks = {one: [(one.sums(name), one.histogram(name)) for name in names] for one in set(extents)}
        summed, spread = np.array([masks[one] for one in extents]).reshape(-1, 2).T
        kept = summed[cell]
        return _tables(names, groups, self._columns(cell[kept], element[kept], spread))

    def _expand(
        self, owners: NDArray[np.int64], records: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the group and the number of each observation, once for every group that it is in."""
        ends = np.cumsum(self.lengths)
        lengths = self.lengths[records]
        before = np.cumsum(lengths) - lengths
        element = np.repeat(ends[records] - lengths - before, lengths) + np.arange(lengths.sum())
        return np.repeat(owners, lengths), element

    def _columns(
        self, cell: NDArray[np.int64], element: NDArray[np.int64], spread: NDArray[np.bool_]
    ) -> Mapping[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return count, sum and hits of each cell that holds something, and its bins where it has a spread."""
        hits = np.zeros(self.measures.size)
        hits[self.hits] = 1.0
        buckets = bucket_of(self.values).astype(np.int64) + _BUCKETS // 2
        buckets[self.unbinned] = -1
        size = spread.size
        counts = np.bincount(cell, minlength=size)
        held = np.flatnonzero(counts)
        wanted = spread[cell]
        cells, found = cell[wanted], buckets[element[wanted]]
        keys, bin_counts = np.unique(cells[found >= 0] * _BUCKETS + found[found >= 0], return_counts=True)
        return {
            "cells": held,
            "counts": counts[held],
            "sums": np.bincount(cell, weights=self.values[element], minlength=size)[held],
            "hits": np.bincount(cell, weights=hits[element], minlength=size)[held].astype(np.int64),
            "bin_cells": keys // _BUCKETS,
            "bins": keys % _BUCKETS - _BUCKETS // 2,
            "bin_counts": bin_counts,
        }


def _tables(
    names: Sequence[str], groups: int, columns: Mapping[str, NDArray[np.int64] | NDArray[np.float64]]
) -> list[Table]:
    """Cut the columns, which are ascending by cell, into those of each group."""
    cells, bin_cells = columns["cells"], columns["bin_cells"]
    starts = np.arange(groups + 1) * len(names)
    tops = np.searchsorted(cells, starts)
    ends = np.searchsorted(bin_cells, starts).tolist()
    place = np.searchsorted(cells, bin_cells)
    first = tops[bin_cells.astype(np.int64) // len(names)]
    measures = [names[cell] for cell in (cells % len(names)).astype(np.int64).tolist()]
    plain = [columns[name].tolist() for name in ("counts", "sums", "hits")]
    bins = [(place - first + 1).tolist(), *(columns[name].tolist() for name in ("bins", "bin_counts"))]
    tops = tops.tolist()
    return [
        Table(
            tuple(measures[top:next_top]),
            *(tuple(column[top:next_top]) for column in plain),
            *(tuple(column[end:next_end]) for column in bins),
        )
        for top, next_top, end, next_end in zip(tops, tops[1:], ends, ends[1:], strict=False)
    ]
