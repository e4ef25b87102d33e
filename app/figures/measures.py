"""What rollups say about a set of records: counts, measures and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from monitoring.statistics.histogram import percentiles

__all__ = ["Counts", "Group", "Histogram", "Measure"]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many records there were and what is known of all of them.

    `assessed` have a safety verdict and `unsafe` a bad one, `quality_count` have an overall quality whose
    sum is `quality_sum`, `priced` have a known cost, and `cost_usd` is the sum of those.
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
    """Values of one measure: how many, their sum, and how many lie beyond the evaluator's threshold."""

    count: int = 0
    total: float = 0.0
    hits: int = 0

    @property
    def average(self) -> float | None:
        """Mean of the values."""
        return self.total / self.count if self.count else None


class Histogram(msgspec.Struct, frozen=True):
    """A sparse log-bucket histogram of `monitoring.statistics.histogram`: buckets, which may repeat, and how many values each holds."""

    buckets: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()

    def percentiles(self, quantiles: Sequence[float]) -> list[float | None]:
        """Return quantiles (0..1) within one bucket, 2.5 %, of the exact ones; None when empty."""
        return percentiles(self.buckets, self.counts, quantiles)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one value of a breakdown."""

    value: str
    model: str
    template: str
    counts: Counts
