"""Numbers, money and times in a form for people; an unknown value is a dash and never zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

__all__ = [
    "UNKNOWN",
    "ago",
    "clip",
    "clock",
    "count",
    "instant",
    "milliseconds",
    "moment",
    "money",
    "percent",
    "period_text",
    "rate",
    "score",
    "zone_name",
]

UNKNOWN = "–"  # noqa: RUF001 the typographic dash is what people are shown

_SUFFIXES = ("", "k", "M", "B", "T")
_PLAIN_UP_TO = 1000
_SMALLEST_MONEY = Decimal("0.000001")
_SIGNIFICANT = 2


def count(value: float | None) -> str:
    """Return a whole number in at most four characters and a suffix: 950, 1.2k, 23.5k, 4M."""
    if value is None:
        return UNKNOWN
    step = 0
    scaled = float(value)
    while abs(scaled) >= _PLAIN_UP_TO - (0.5 if step == 0 else 0.05) and step < len(_SUFFIXES) - 1:
        scaled /= _PLAIN_UP_TO
        step += 1
    digits = f"{scaled:.0f}" if step == 0 else f"{scaled:.1f}".removesuffix(".0")
    return f"{digits}{_SUFFIXES[step]}"


def rate(value: float | None) -> str:
    """Return events per second with one decimal below 100: 0.4, 12.5, 340, 2.1k."""
    if value is None:
        return UNKNOWN
    if abs(value) < 100:  # noqa: PLR2004 beyond that a decimal says nothing
        return f"{value:.1f}".removesuffix(".0")
    return count(value)


def percent(value: float | None) -> str:
    """Return a share of 0..1 as a percentage; a small share above zero never reads 0 %."""
    if value is None:
        return UNKNOWN
    shown = 100 * value
    if 0 < shown < 0.1:  # noqa: PLR2004 it would round to 0.0
        return "< 0.1 %"
    if 99.95 <= shown < 100:  # noqa: PLR2004 it would round to 100.0
        return "> 99.9 %"
    return f"{shown:.1f}".removesuffix(".0") + " %"


def score(value: float | None) -> str:
    """Return a score of 0..1 with two decimals."""
    return UNKNOWN if value is None else f"{value:.2f}"


def money(value: Decimal | float | None) -> str:
    """Return US dollars: whole from 1,000, two decimals from 1, two significant digits below 1."""
    if value is None:
        return UNKNOWN
    amount = Decimal(str(value))
    if abs(amount) >= 1_000_000:  # noqa: PLR2004 a longer number does not fit a tile
        return f"${count(float(amount))}"
    if abs(amount) >= 1:
        return f"${amount:,.0f}" if abs(amount) >= _PLAIN_UP_TO else f"${amount:,.2f}"
    if 0 < abs(amount) < _SMALLEST_MONEY:
        return "< $0.000001"
    decimals = max(2, -amount.adjusted() + _SIGNIFICANT - 1) if amount else 0
    return f"${amount:.{decimals}f}"


def milliseconds(value: float | None) -> str:
    """Return a duration given in milliseconds: 85 ms, 1.2 s, 3.5 min."""
    if value is None:
        return UNKNOWN
    if value < _PLAIN_UP_TO - 0.5:
        return f"{value:.0f} ms"
    seconds = value / 1000
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"  # noqa: PLR2004 seconds a minute


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long before `now` a moment was, in its largest whole unit; both are aware."""
    if moment is None:
        return UNKNOWN
    elapsed = now - moment
    if elapsed < timedelta(seconds=1):
        return "now"
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if elapsed.total_seconds() >= length:
            return f"{elapsed.total_seconds() // length:.0f} {unit} ago"
    return f"{elapsed.total_seconds():.0f} s ago"


def instant(moment: datetime | None) -> str:
    """Return an aware moment as ISO 8601 in UTC, to the second."""
    return UNKNOWN if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def clock(moment: datetime, now: datetime) -> str:
    """Return an aware moment in UTC briefly: the time on the day of `now`, else also the date."""
    at = moment.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == now.astimezone(UTC).date() else f"{at:%m-%d %H:%M}"


def moment(at: datetime, now: datetime) -> str:
    """Return a moment in its own zone, such as 14:00 UTC, with the day if that is not sure."""
    form = "%H:%M %Z" if now - at < timedelta(days=1) else "%d %b %H:%M %Z"
    return f"{at:{form}}"


def zone_name(at: datetime) -> str:
    """Return the time zone of an aware moment, such as Europe/Berlin or UTC."""
    return str(at.tzinfo) if at.tzinfo not in {UTC, None} else "UTC"


def clip(text: str, length: int) -> str:
    """Return one line of at most `length` characters; a cut one ends with an ellipsis."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length and len(text) <= 4 * length else f"{line[: length - 1]}…"


def period_text(period: str) -> str:
    """Return a period such as 24h or 15m with its unit apart: 24 h, 15 min."""
    number, unit = period[:-1], period[-1:]
    return f"{number} {'min' if unit == 'm' else unit}"
