"""Thresholds from quantiles of a project's own traffic: rankings transfer from elsewhere, thresholds do not."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

__all__ = ["FEWEST_BEYOND", "Proposal", "fewest_records", "propose"]

# 2026-11-26: with ten records expected beyond a threshold its rate is known to about a third (1 / sqrt(10)).
FEWEST_BEYOND = 10


class Proposal(BaseModel):
    """What a threshold could be.

    `beyond` are the records that the `current` threshold flags or calls low, `beyond_then` those that the
    `proposed` one would, of the `records` that have a value. `reason` says why none is proposed.
    """

    model_config = ConfigDict(frozen=True)

    records: int
    current: float
    beyond: int
    proposed: float | None = None
    beyond_then: int | None = None
    reason: str | None = None


def fewest_records(rate: float) -> int:
    """Return how many records a rate 0..1 needs before a quantile says anything."""
    return math.ceil(FEWEST_BEYOND / rate)


def propose(values: NDArray[np.float64], current: float, rate: float, *, low: bool) -> Proposal:
    """Return the threshold beyond which at most `rate` (above 0, below 1) of the values lie, as many as can be.

    Values 0..1 at or above a threshold are beyond it; with `low` those below it. The proposal lies halfway
    between two values that occur.
    """
    count = len(values)
    badness = 1.0 - values if low else values
    beyond = int(np.sum(values < current if low else values >= current))
    if count < fewest_records(rate):
        reason = f"too little traffic: {count} of {fewest_records(rate)} records"
        return Proposal(records=count, current=current, beyond=beyond, reason=reason)
    steps, sizes = np.unique(badness, return_counts=True)
    above = np.cumsum(sizes[::-1])[::-1]
    allowed = np.flatnonzero(above <= rate * count)
    if not len(allowed):
        reason = f"{above[-1]} records have the worst value there is"
        return Proposal(records=count, current=current, beyond=beyond, reason=reason)
    first = int(allowed[0])
    between = float(steps[first - 1] + steps[first]) / 2
    rounded = round(between, 4)
    chosen = rounded if steps[first - 1] < rounded < steps[first] else between
    return Proposal(
        records=count,
        current=current,
        beyond=beyond,
        proposed=round(1.0 - chosen, 12) if low else chosen,
        beyond_then=int(above[first]),
    )
