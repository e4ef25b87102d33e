"""When messages are muted: hours of days of the week, in a time zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

__all__ = ["DAYS", "Day", "Mute", "is_muted"]

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: Final[tuple[Day, ...]] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)


class Mute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours without messages, from `start` (included) to `end` (excluded) by the clock of `tz`.

    They begin on each of `days`. Hours whose end is before their start end on the next day, and
    those whose end is their start last the whole day.
    """

    days: tuple[Day, ...] = DAYS
    start: time
    end: time
    tz: str = "UTC"

    def holds(self, now: datetime) -> bool:
        """Tell whether an aware moment is within the hours."""
        local = now.astimezone(ZoneInfo(self.tz))
        clock = local.time()
        today = DAYS[local.weekday()] in self.days
        yesterday = DAYS[(local - timedelta(days=1)).weekday()] in self.days
        if self.start == self.end:
            return today
        if self.start < self.end:
            return today and self.start <= clock < self.end
        return (today and clock >= self.start) or (yesterday and clock < self.end)


def is_muted(mutes: Iterable[Mute], now: datetime) -> bool:
    """Tell whether an aware moment is within any of the hours."""
    return any(mute.holds(now) for mute in mutes)
