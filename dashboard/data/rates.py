"""How fast records arrive and are stored, from two readings of counts that only grow."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple

__all__ = ["Rate", "RateMeter"]

_SPAN = timedelta(seconds=10)
_STALE = timedelta(seconds=30)
_SHORTEST = timedelta(seconds=0.5)


class Rate(NamedTuple):
    """Records per second."""

    accepted: float
    stored: float


class _Reading(NamedTuple):
    at: datetime
    accepted: int
    stored: int


class RateMeter:
    """Remembers the readings of one project for as long as a rate needs them."""

    def __init__(self) -> None:
        self._readings: deque[_Reading] = deque()

    def read(self, at: datetime, accepted: int, stored: int) -> Rate | None:
        """Take a reading and return the rate over the last ten seconds, None until there are two readings.

        A reading older than thirty seconds says nothing about now; counts that fell (another database)
        start anew.
        """
        newest = self._readings[-1] if self._readings else None
        if newest and (accepted < newest.accepted or stored < newest.stored):
            self._readings.clear()
        if not newest or at - newest.at >= _SHORTEST:
            self._readings.append(_Reading(at, accepted, stored))
        while len(self._readings) > 1 and (
            at - self._readings[0].at > _STALE or at - self._readings[1].at >= _SPAN
        ):
            self._readings.popleft()
        first = self._readings[0]
        elapsed = (at - first.at).total_seconds()
        if elapsed < _SHORTEST.total_seconds():
            return None
        return Rate((accepted - first.accepted) / elapsed, (stored - first.stored) / elapsed)
