"""One delta of the rollups: what a set of traces adds to a bucket."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

__all__ = ["Delta"]


class Delta(msgspec.Struct, frozen=True):
    """Counts, sums and sparse histograms of one bucket of one dimension; field names are the columns.

    `grain` is in seconds, `bucket` the aware UTC start. `measures`, `counts`, `sums` and `hits` are
    parallel; `bin_measures` (1-based into `measures`), `bins` and `bin_counts` are parallel too.
    """

    project_id: str
    source: str
    dimension: str
    value: str
    model: str
    template: str
    grain: int
    bucket: datetime
    records: int
    assessed: int
    unsafe: int
    quality_count: int
    quality_sum: float
    priced: int
    cost_usd: Decimal
    prompt_tokens: int
    completion_tokens: int
    measures: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    sums: tuple[float, ...] = ()
    hits: tuple[int, ...] = ()
    bin_measures: tuple[int, ...] = ()
    bins: tuple[int, ...] = ()
    bin_counts: tuple[int, ...] = ()
    examples: tuple[UUID, ...] = ()
