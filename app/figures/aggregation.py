"""The way from columns of calls to rollup deltas.

It is pure, and the same wherever traces are added to rollups or taken out of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import repeat
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.figures.calls import ASSESSED, UNSAFE, Calls, Places
from app.figures.delta import Delta
from app.figures.grains import DAY, HOUR, MINUTE
from app.figures.observation import ERROR, LABEL_PREFIX, RESPONSE_TOKENS, observe
from app.figures.tabulation import NO_TABLE, Extent, Observations, Table
from app.schemas.traces import Trace
from monitoring.bounds import MOST_TOKENS, MOST_USD, MOST_VALUE

__all__ = ["add_up", "aggregate", "difference", "negate"]

# Reports read minutes of the last three hours and hours of the last seven days
# (monitoring.statistics.trends). A call that was older when it was accepted is never read in finer
# buckets, and many such calls make no more rows than there were hours or days. Of all calls
# together, hours are kept for long, because the days of a time zone are made from them.
_HOURS_AFTER, _DAYS_AFTER = 4 * 60, 8 * 24 * 60  # in minutes
_EXAMPLES = 3
_UNMEASURED = frozenset({"template", "user", "session", "tag", "flag"})
_SPREAD_BY_MODEL = frozenset(
    {
        "overall_quality",
        "safety_score",
        "response_time_ms",
        "time_to_first_token_ms",
        "cost_usd",
        RESPONSE_TOKENS,
    }
)


def _is_whole(measure: str) -> bool:
    """Tell whether a measure is not a part of an evaluator's score.

    Parts have a dot in their name.
    """
    return "." not in measure


# All measures and histograms are kept for all calls together. Parts and histograms are most of a
# row's content, and the rows per model and minute are most of the rows.
_EXTENTS = {
    "all": Extent(sums=lambda _: True, histogram=lambda _: True),
    "model": Extent(sums=_is_whole, histogram=_SPREAD_BY_MODEL.__contains__),
}


def _is_of_labels(measure: str) -> bool:
    """Tell whether a measure is kept for the calls that have a label of a descriptive evaluator."""
    known = measure in {ERROR, RESPONSE_TOKENS} or measure.startswith(LABEL_PREFIX)
    return _is_whole(measure) and not known


_OF_LABELS = Extent(sums=_is_of_labels, histogram=lambda _: False)
_SCALARS = (
    "records",
    "assessed",
    "unsafe",
    "quality_count",
    "quality_sum",
    "priced",
    "cost_usd",
    "prompt_tokens",
    "completion_tokens",
)
_VECTORS = ("counts", "sums", "hits", "bin_counts")
_FREE = Decimal(0)


def aggregate(traces: Sequence[Trace], descriptive: Collection[str]) -> list[Delta]:
    """Return what the traces add to every bucket of every dimension. Steps add nothing."""
    return add_up(observe(traces, descriptive))


def difference(before: Sequence[Trace], after: Sequence[Trace], descriptive: Collection[str]) -> list[Delta]:
    """Return what changes in every bucket when counted traces are replaced or removed.

    They are removed where `after` is empty.
    """
    return [*map(negate, aggregate(before, descriptive)), *aggregate(after, descriptive)]


def add_up(batches: Iterable[Calls]) -> list[Delta]:
    """Return what batches of calls, of any projects, add to every bucket of every dimension.

    Raises ValueError for a batch with a number beyond its bound.
    """
    of_project: dict[str, list[Calls]] = defaultdict(list)
    for batch in batches:
        of_project[batch.project_id].append(batch)
    return [delta for parts in of_project.values() for delta in _Sums(parts).deltas()]


def negate(delta: Delta) -> Delta:
    """Return the delta that takes another one out of the rollups."""
    return msgspec.structs.replace(
        delta,
        **{name: -getattr(delta, name) for name in _SCALARS},
        **{name: tuple(-value for value in getattr(delta, name)) for name in _VECTORS},
        examples=(),
    )


_Ints = NDArray[np.int64]


class _Sums:
    """Batches of one project, concatenated, with one common numbering for their names."""

    def __init__(self, batches: Sequence[Calls]) -> None:
        self._batches = batches
        self._names = Places({"": 0})
        # The last number stands for no name, whose place is -1.
        self._renamed = [
            np.array([*(self._names[name] for name in batch.names), -1], dtype=np.int64) for batch in batches
        ]
        self._sizes = [len(batch.minutes) for batch in batches]
        self.calls = sum(self._sizes)

    def deltas(self) -> list[Delta]:
        """Return one delta for each group that has a call."""
        if not self.calls:
            return []
        keys, calls = self._memberships()
        order = np.lexsort(keys[::-1])
        keys, calls = keys[:, order], calls[order]
        begins = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)])
        owners = np.repeat(np.arange(begins.size), np.diff(np.r_[begins, calls.size]))
        *named, grains, buckets = keys[:, begins]
        names = np.array(list(self._names), dtype=object)
        columns = [names[places].tolist() for places in named]
        tables = self._tables(columns[1], owners, calls)
        starts = {minute: datetime.fromtimestamp(minute * MINUTE, UTC) for minute in set(buckets.tolist())}
        return list(
            map(
                Delta,
                repeat(self._batches[0].project_id),
                *columns,
                grains.tolist(),
                map(starts.__getitem__, buckets.tolist()),
                *self._scalars(calls, begins),
                *zip(*tables, strict=True),
                self._examples(columns[1], calls, begins),
            )
        )

    def _memberships(self) -> tuple[_Ints, _Ints]:
        """Return the key (seven numbers) of each group that each call is in, and the calls."""
        sources, models, templates = (
            self._places("sources"),
            self._places("models"),
            self._places("templates"),
        )
        minutes = self._column("minutes", np.int64)
        age = self._accepted() - minutes
        coarse = np.where(age < _DAYS_AFTER, HOUR, DAY)
        fine = np.where(age < _HOURS_AFTER, MINUTE, coarse)
        whole = np.where(age < _HOURS_AFTER, MINUTE, HOUR)
        begins, coarse_begins = _floored(minutes, fine), _floored(minutes, coarse)
        every, nothing = np.arange(self.calls), np.zeros(self.calls, dtype=np.int64)
        labelled = self._numbers("labelled", self._sizes)
        dimensions = self._places("dimensions")
        flags = dimensions == self._names["flag"]
        parts: list[tuple[_Ints, *tuple[Any, ...]]] = [
            (every, "all", nothing, nothing, nothing, whole, _floored(minutes, whole)),
            (every, "model", models, nothing, nothing, fine, begins),
            (every, "template", templates, models, nothing, coarse, coarse_begins),
            (every, "user", self._places("users"), nothing, nothing, coarse, coarse_begins),
            (every, "session", self._places("sessions"), nothing, nothing, coarse, coarse_begins),
            (
                labelled,
                dimensions,
                self._places("labels"),
                np.where(flags, models[labelled], 0),
                np.where(flags, templates[labelled], 0),
                coarse[labelled],
                coarse_begins[labelled],
            ),
        ]
        keys = []
        for calls, dimension, *rest in parts:
            named = self._names[dimension] if isinstance(dimension, str) else dimension
            keys.append(np.stack(np.broadcast_arrays(sources[calls], named, *rest)))
        joined, calls = np.concatenate(keys, axis=1), np.concatenate([part[0] for part in parts])
        held = joined[2] >= 0
        return joined[:, held], calls[held]

    def _scalars(self, calls: _Ints, begins: _Ints) -> list[list[Any]]:
        """Return the columns of counts and sums, with an element per group."""
        verdicts = self._column("verdicts", np.int64)
        qualities = self._column("qualities", np.float64)  # NaN for None
        costs = self._column("costs", object)
        columns = (
            np.ones(self.calls, dtype=np.int64),
            verdicts & ASSESSED,
            (verdicts & UNSAFE) // UNSAFE,
            (~np.isnan(qualities)).astype(np.int64),
            np.nan_to_num(qualities),
            np.array([cost is not None for cost in costs], dtype=np.int64),
            _checked(np.array([cost or _FREE for cost in costs], dtype=object), MOST_USD),
            _checked(self._column("prompt_tokens", object), MOST_TOKENS),
            _checked(self._column("completion_tokens", object), MOST_TOKENS),
        )
        return [np.add.reduceat(column[calls], begins).tolist() for column in columns]

    def _tables(self, dimensions: Sequence[str], owners: _Ints, calls: _Ints) -> list[Table]:
        """Return the table of each group. It is empty where the dimension has no measures."""
        wanted = [number for number, name in enumerate(dimensions) if name not in _UNMEASURED]
        ranks = np.full(len(dimensions), -1)
        ranks[wanted] = np.arange(len(wanted))
        measured = ranks[owners] >= 0
        sizes = [len(batch.measures) for batch in self._batches]
        observations = Observations(
            names=list(self._names),
            lengths=self._column("lengths", np.int64),
            measures=self._places("measures"),
            values=_checked(self._column("values", np.float64), MOST_VALUE),
            hits=self._numbers("hits", sizes),
            unbinned=self._numbers("unbinned", sizes),
        )
        tables = [NO_TABLE] * len(dimensions)
        extents = [_EXTENTS.get(dimensions[number], _OF_LABELS) for number in wanted]
        found = observations.tabulate(ranks[owners[measured]], calls[measured], extents)
        for number, table in zip(wanted, found, strict=True):
            tables[number] = table
        return tables

    def _examples(self, dimensions: Sequence[str], calls: _Ints, begins: _Ints) -> list[tuple[UUID, ...]]:
        """Return the newest calls of each group of flagged calls."""
        ids = b"".join([batch.ids for batch in self._batches])
        ends = [*begins[1:].tolist(), calls.size]
        return [
            _newest(ids, calls[begin:end].tolist()) if dimension == "flag" else ()
            for dimension, begin, end in zip(dimensions, begins.tolist(), ends, strict=True)
        ]

    def _accepted(self) -> _Ints:
        """Return the minute of acceptance of each call.

        The first six bytes of its id hold the moment in milliseconds.
        """
        ids = np.frombuffer(b"".join([batch.ids for batch in self._batches]), dtype=">u2").reshape(-1, 8)
        high, middle, low = ids[:, :3].astype(np.int64).T
        accepted: _Ints = ((high << 32) + (middle << 16) + low) // 60_000
        return accepted

    def _column(self, name: str, kind: Any) -> NDArray[Any]:
        return np.concatenate([np.array(getattr(batch, name), dtype=kind) for batch in self._batches])

    def _places(self, name: str) -> _Ints:
        """Return a column of places in `names`, in the numbering that all batches share."""
        return np.concatenate(
            [
                renamed[np.array(getattr(batch, name), dtype=np.int64)]
                for batch, renamed in zip(self._batches, self._renamed, strict=True)
            ]
        )

    def _numbers(self, name: str, sizes: Sequence[int]) -> _Ints:
        """Return a column of numbers of calls or observations, counted through all batches."""
        before = np.cumsum([0, *sizes])
        return np.concatenate(
            [
                np.array(getattr(batch, name), dtype=np.int64) + begin
                for batch, begin in zip(self._batches, before, strict=False)
            ]
        )


def _checked(column: NDArray[Any], most: float | Decimal) -> NDArray[Any]:
    """Return a column whose numbers are all within the bound; raises ValueError otherwise.

    Batches from before there were bounds may hold other numbers, and a sum with one of them stays
    out of bounds for ever.
    """
    if column.size and not (column.min() >= 0 and column.max() <= most):
        raise ValueError(f"a batch holds a number that is negative or beyond {most}")
    return column


def _floored(minutes: _Ints, grains: _Ints) -> _Ints:
    """Return for each minute the minute at which its bucket begins; `grains` are in seconds."""
    widths = grains // MINUTE
    found: _Ints = minutes // widths * widths
    return found


def _newest(ids: bytes, calls: Iterable[int]) -> tuple[UUID, ...]:
    found = sorted((ids[16 * call : 16 * call + 16] for call in calls), reverse=True)
    return tuple(UUID(bytes=one) for one in found[:_EXAMPLES])
