"""The arithmetic of budgets: periods in a time zone, levels, and the spending to expect."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Final, Literal, NamedTuple

__all__ = ["PROJECTION_METHOD", "AlertLevel", "Cycle", "Span", "level_of", "project_spending", "span_of"]

AlertLevel = Literal["none", "info", "warning", "critical"]
Cycle = Literal["day", "week", "month"]

# Each level holds from its share of the budget on; the highest one reached is reported.
_LEVELS: tuple[tuple[Decimal, AlertLevel], ...] = (
    (Decimal(1), "critical"),
    (Decimal("0.8"), "warning"),
    (Decimal("0.6"), "info"),
)
# A shorter part of a period says nothing about the whole.
_LEAST_SHARE = Decimal("0.05")
_DECEMBER = 12

PROJECTION_METHOD: Final = "linear"
"""What was spent so far, divided by the share of the period that has passed."""


class Span(NamedTuple):
    """One period of a budget in aware UTC, `start` inclusive and `end` exclusive."""

    start: datetime
    end: datetime


def span_of(moment: datetime, cycle: Cycle, zone: tzinfo) -> Span:
    """Return the day, week (from Monday) or month of `zone` that holds an aware moment.

    A day begins at midnight of the zone, or at the first moment after it where clocks skip
    midnight. So it has 23 or 25 hours where clocks change.
    """
    day = moment.astimezone(zone).date()
    if cycle == "day":
        first, after = day, day + timedelta(days=1)
    elif cycle == "week":
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    else:
        first = day.replace(day=1)
        rest = {"year": day.year + 1, "month": 1} if day.month == _DECEMBER else {"month": day.month + 1}
        after = first.replace(**rest)
    return Span(_midnight(first, zone), _midnight(after, zone))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def level_of(spent: Decimal, amount: Decimal) -> AlertLevel:
    """Return the level of a budget: info from 60 %, warning from 80 %, critical from 100 %.

    `amount` is positive.
    """
    share = spent / amount
    return next((level for bound, level in _LEVELS if share >= bound), "none")


def project_spending(spent: Decimal, span: Span, now: datetime) -> Decimal | None:
    """Return what will be spent by the end of a period if spending goes on at its present rate.

    None before a twentieth of the period has passed. After its end it is what was spent.
    """
    share = Decimal((min(now, span.end) - span.start) / (span.end - span.start))
    return None if share < _LEAST_SHARE else spent / share
