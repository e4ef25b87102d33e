"""Proposing thresholds from quantiles of a project's own traffic, or from labels of people.

The order of scores carries over from one project to another, but their thresholds do not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

__all__ = [
    "FEWEST_BEYOND",
    "FEWEST_LABELS",
    "LabelProposal",
    "Proposal",
    "fewest_records",
    "propose",
    "propose_from_labels",
]

# Decided 2026-11-26: if ten records are expected beyond a threshold, their rate is known to about
# a third (1 / sqrt(10)).
FEWEST_BEYOND = 10
FEWEST_LABELS = 10
"""The number of true alarms, and of false ones, from which on a threshold is proposed."""


class Proposal(BaseModel):
    """The threshold that is proposed, and what it would change.

    Of the `records` that have a value, `beyond` is the number that the `current` threshold flags or
    calls low, and `beyond_then` the number for the `proposed` one. `reason` says why none is
    proposed.
    """

    model_config = ConfigDict(frozen=True)

    records: int
    current: float
    beyond: int
    proposed: float | None = None
    beyond_then: int | None = None
    reason: str | None = None


def fewest_records(rate: float) -> int:
    """Return how many records a rate 0..1 needs before a quantile is meaningful."""
    return math.ceil(FEWEST_BEYOND / rate)


def propose(values: NDArray[np.float64], current: float, rate: float, *, low: bool) -> Proposal:
    """Return the threshold with as many values beyond it as possible, but at most the share `rate`.

    `rate` is above 0 and below 1. Values 0..1 at or above a threshold are beyond it; with `low`
    those below it are. The proposal lies halfway between two values that occur.
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


class LabelProposal(BaseModel):
    """The threshold that decides most labelled calls as people do.

    Of `true_alarms` and `false_alarms` that people found, the `current` threshold decides `right`
    as they do, and the `proposed` one `right_then`. `reason` says why none is proposed.
    """

    model_config = ConfigDict(frozen=True)

    true_alarms: int
    false_alarms: int
    current: float
    right: int
    proposed: float | None = None
    right_then: int | None = None
    reason: str | None = None


def propose_from_labels(
    true: NDArray[np.float64], false: NDArray[np.float64], current: float, *, low: bool
) -> LabelProposal:
    """Return the threshold that decides most of the labelled values 0..1 as people do.

    `true` are the values of true alarms, and `false` those of false ones. Values at or above a
    threshold are alarms; with `low` those below it are. The proposal lies halfway between two
    labelled values. Of several that are equally good, it is the one nearest to the current one.
    """
    right = _right(true, false, current, low=low)
    told = {"true_alarms": len(true), "false_alarms": len(false), "current": current, "right": right}
    if min(len(true), len(false)) < FEWEST_LABELS:
        reason = f"too few labels: it takes {FEWEST_LABELS} true and {FEWEST_LABELS} false alarms"
        return LabelProposal(**told, reason=reason)
    values = np.unique(np.concatenate([true, false]))
    offered = [round(float(one), 4) for one in (values[1:] + values[:-1]) / 2]
    tried = [(_right(true, false, one, low=low), -abs(one - current), one) for one in offered if 0 < one < 1]
    best, _, chosen = max(tried, default=(0, 0.0, current))
    if best <= right:
        return LabelProposal(**told, reason="no other threshold decides more of them as people do")
    return LabelProposal(**told, proposed=chosen, right_then=best)


def _right(true: NDArray[np.float64], false: NDArray[np.float64], threshold: float, *, low: bool) -> int:
    if low:
        return int(np.sum(true < threshold) + np.sum(false >= threshold))
    return int(np.sum(true >= threshold) + np.sum(false < threshold))
