"""The content of rollups for a set of records: counts, measures and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Literal

import msgspec

from monitoring.statistics.histogram import percentiles, percentiles_of_each

__all__ = ["Counts", "Group", "Grouped", "Groups", "Histogram", "Measure", "Order", "percentiles_of"]


Order = Literal["cost", "requests", "violations"]
"""What groups are ordered by, the largest first."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The number of records, and totals over all of them.

    `assessed` records have a safety verdict, and `unsafe` ones a bad verdict. `quality_count`
    records have an overall quality, and `quality_sum` is its sum. `priced` records have a known
    cost, and `cost_usd` is its sum in US dollars.
    """

    records: int = 0
    assessed: int = 0
    unsafe: int = 0
    quality_count: int = 0
    quality_sum: float = 0.0
    priced: int = 0
    cost_usd: Decimal = Decimal(0)
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Return the figures of the records of both."""
        return Counts(
            **{name: getattr(self, name) + getattr(other, name) for name in Counts.__struct_fields__}
        )

    def __sub__(self, other: Counts) -> Counts:
        """Return what is left when the records of `other` are taken out."""
        return Counts(
            **{name: getattr(self, name) - getattr(other, name) for name in Counts.__struct_fields__}
        )

    @property
    def average_quality(self) -> float | None:
        """Mean overall quality, 0..1, of the records that have one."""
        return self.quality_sum / self.quality_count if self.quality_count else None

    @property
    def violation_rate(self) -> float | None:
        """Share of assessed records that are unsafe, 0..1."""
        return self.unsafe / self.assessed if self.assessed else None

    @property
    def average_cost(self) -> Decimal | None:
        """Mean cost in US dollars of the records whose cost is known."""
        return self.cost_usd / self.priced if self.priced else None


class Measure(msgspec.Struct, frozen=True):
    """The values of one measure: their number, their sum, and how many are beyond the threshold."""

    count: int = 0
    total: float = 0.0
    hits: int = 0

    @property
    def average(self) -> float | None:
        """Mean of the values."""
        return self.total / self.count if self.count else None


class Histogram(msgspec.Struct, frozen=True):
    """A sparse log-bucket histogram of `monitoring.statistics.histogram`.

    It holds buckets, which may repeat, and the number of values in each.
    """

    buckets: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()

    def percentiles(self, quantiles: Sequence[float]) -> list[float | None]:
        """Return quantiles (0..1), each within one bucket (2.5 %) of the exact one; else None."""
        return percentiles(self.buckets, self.counts, quantiles)


def percentiles_of(histograms: Sequence[Histogram], quantiles: Sequence[float]) -> list[list[float | None]]:
    """Return the quantiles of each histogram, as `Histogram.percentiles` does."""
    return percentiles_of_each(
        [*chain.from_iterable(one.buckets for one in histograms)],
        [*chain.from_iterable(one.counts for one in histograms)],
        [len(one.buckets) for one in histograms],
        quantiles,
    )


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one value of a breakdown."""

    value: str
    model: str
    template: str
    counts: Counts


class Grouped(msgspec.Struct, frozen=True, kw_only=True):
    """The records that have the same values of one or two fields. None is a missing value."""

    values: tuple[str | None, ...]
    counts: Counts


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """Some groups of all records since a moment, the number of all groups, and all records' total.

    `held` is the sum over all groups. It is the total unless a record may be in several groups, or
    in none. `read` is None where all records were read. Otherwise it is the number of newest ones
    that were read, and `since` is the moment of receipt of the oldest of them.
    """

    groups: tuple[Grouped, ...]
    total: Counts
    held: Counts
    number: int
    since: datetime
    read: int | None = None
