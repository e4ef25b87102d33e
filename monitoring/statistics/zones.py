"""Time zones: their names, and days of a zone made from hours of UTC.

Hours are the finest figures that are kept for long, and they begin with the hours of UTC. In a zone
whose midnight is not at a full hour of UTC, the hour around midnight counts to the day in which its
middle lies. A day in Kathmandu (+05:45) thus begins at 18:00 UTC, which is 23:45 there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from monitoring.statistics.trends import Window, floor_time

__all__ = ["LONGEST_NAME", "Buckets", "buckets_of", "join_local_days", "local_day", "local_days", "read_zone"]

LONGEST_NAME = 64

T = TypeVar("T")

# A plus sign in a query string becomes a space unless it is escaped.
_OFFSET = re.compile(r"([+\- ])(\d\d):(\d\d)", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*", re.ASCII)
_FARTHEST = timedelta(hours=14)
_HOUR = timedelta(hours=1)
_HALF = _HOUR / 2
_NOON = timedelta(hours=12)


def read_zone(name: str) -> tzinfo:
    """Return the zone of a name of the IANA database or of an offset such as +05:45.

    Raises ValueError for anything else.
    """
    if (offset := _OFFSET.fullmatch(name)) is not None:
        sign, hours, minutes = offset.groups()
        distance = timedelta(hours=int(hours), minutes=int(minutes))
        if distance <= _FARTHEST and int(minutes) < 60:  # noqa: PLR2004 minutes of an hour
            return timezone(-distance if sign == "-" else distance)
    elif len(name) <= LONGEST_NAME and _NAME.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # a folder of the database, such as Europe, is an OSError
    raise ValueError("a time zone is a name such as Europe/Berlin, or an offset such as +05:45")


def local_day(hour: datetime, zone: tzinfo) -> datetime:
    """Return midnight of the day in a zone to which an hour counts, given by its aware start."""
    middle = (hour.astimezone(UTC) + _HALF).astimezone(zone)
    return datetime(middle.year, middle.month, middle.day, tzinfo=zone)


def local_days(window: Window, zone: tzinfo) -> Iterator[datetime]:
    """Yield midnight of every day of a zone that has an hour in the window, in order.

    The window is of whole days in UTC, so the first and the last day may be parts of days.
    """
    day, last = local_day(window.start, zone), local_day(window.end - _HOUR, zone)
    while day <= last:
        yield day
        # Wall-clock arithmetic: a day may have 23 or 25 hours.
        day += timedelta(days=1)


class Buckets(NamedTuple):
    """The buckets of a window: when each begins in a time zone, and from which moment calls count.

    The second is the first minute, hour or day in UTC of the bucket. Both ascend and have the same
    length, and both are aware.
    """

    starts: tuple[datetime, ...]
    edges: tuple[datetime, ...]


def buckets_of(window: Window, zone: tzinfo) -> Buckets:
    """Return the buckets of a window, whose days are those of a zone; others only begin there."""
    if window.grain != "day" or zone is UTC:
        edges = tuple(window.bucket_starts())
        return Buckets(tuple(at.astimezone(zone) for at in edges), edges)
    starts = tuple(local_days(window, zone))
    return Buckets(starts, tuple(max(_first_hour(day), window.start) for day in starts))


def _first_hour(midnight: datetime) -> datetime:
    """Return the start of the first hour in UTC whose middle is not before a local midnight."""
    earliest = midnight.astimezone(UTC) - _HALF
    hour = floor_time(earliest, "hour")
    return hour if hour == earliest else hour + _HOUR


def join_local_days(
    hours: Mapping[datetime, T],
    days: Mapping[datetime, T],
    zone: tzinfo,
    add: Callable[[T, T], T],
    negate: Callable[[T], T],
) -> dict[datetime, T]:
    """Return the figures of days of a zone, from those of hours and of days in UTC.

    What a day in UTC has beyond its hours counts to the local day that holds its noon, so the sum
    is always that of `days`. Only figures whose hours were deleted before hours were kept have
    such a rest.
    """
    found: dict[datetime, T] = {}
    rests = dict(days)

    def put(into: dict[datetime, T], key: datetime, value: T) -> None:
        into[key] = add(into[key], value) if key in into else value

    for hour, value in hours.items():
        put(found, local_day(hour, zone), value)
        put(rests, floor_time(hour, "day"), negate(value))
    for day, rest in rests.items():
        put(found, local_day(day + _NOON, zone), rest)
    return found
