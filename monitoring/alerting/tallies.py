"""Sums of a metric over some time, and the value that a rule makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from monitoring.alerting.metrics import PERCENTILES
from monitoring.alerting.rules import Rule
from monitoring.statistics.histogram import percentiles

__all__ = ["Place", "Tally", "add_up", "value_of"]

Place = int | str
"""A log bucket of values, or a label."""


class Tally(msgspec.Struct, frozen=True):
    """`n` records with the sum of their values, or how many have each log bucket or label."""

    n: int = 0
    total: float = 0.0
    bins: Mapping[Place, int] = {}


def add_up(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of tallies."""
    n, total, bins = 0, 0.0, Counter[Place]()
    for tally in tallies:
        n += tally.n
        total += tally.total
        if tally.bins:
            bins.update(tally.bins)
    return Tally(n, total, bins)


def value_of(rule: Rule, tally: Tally) -> float | None:
    """Return what the rule's aggregation makes of a tally; None where there is nothing to say."""
    if rule.aggregation == "sum":
        return tally.total
    if tally.n <= 0:
        return None
    if rule.aggregation in PERCENTILES:
        held = sorted(place for place, number in tally.bins.items() if number > 0 and isinstance(place, int))
        return percentiles(held, [tally.bins[place] for place in held], [PERCENTILES[rule.aggregation]])[0]
    return tally.total / tally.n
