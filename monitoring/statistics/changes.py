"""Whether a figure differs between two periods, by how much, and how surely."""

from __future__ import annotations

from typing import Final

import msgspec

from monitoring.statistics.intervals import Interval, Moments, difference_of_means, difference_of_shares

__all__ = ["FEWEST", "WRONG_CLAIMS", "Change", "change_of_means", "change_of_shares"]

FEWEST: Final = 30
"""The number of cases that each period needs at least, because intervals use the normal curve."""
WRONG_CLAIMS: Final = 0.05
"""At most this share of sets of claims holds a wrong one where nothing changed (Bonferroni)."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A figure before and after, and the bounds of the 95 % interval of the difference.

    `certain` tells whether chance does not explain the difference. That bar is higher the more
    figures are compared at the same time.
    """

    before: float
    after: float
    low: float
    high: float
    certain: bool

    @property
    def difference(self) -> float:
        """The figure after less the figure before."""
        return self.after - self.before


def change_of_means(before: Moments, after: Moments, claims: int = 1) -> Change | None:
    """Return how a mean changed, None if a period has fewer than thirty values.

    `claims` figures are compared at the same time.
    """
    if min(before.count, after.count) < FEWEST:
        return None
    return _change(
        before.mean,
        after.mean,
        difference_of_means(after, before),
        difference_of_means(after, before, _confidence(claims)),
    )


def change_of_shares(before: tuple[int, int], after: tuple[int, int], claims: int = 1) -> Change | None:
    """Return how a share changed, as `change_of_means`. A share is hits and cases."""
    if min(before[1], after[1]) < FEWEST:
        return None
    return _change(
        before[0] / before[1],
        after[0] / after[1],
        difference_of_shares(*after, *before),
        difference_of_shares(*after, *before, _confidence(claims)),
    )


def _confidence(claims: int) -> float:
    return 1 - WRONG_CLAIMS / max(claims, 1)


def _change(before: float, after: float, shown: Interval | None, strict: Interval | None) -> Change | None:
    if shown is None or strict is None:
        return None
    certain = strict.low > 0 or strict.high < 0
    return Change(before=before, after=after, low=shown.low, high=shown.high, certain=certain)
