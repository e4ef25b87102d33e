"""Names and values of fields in the words in which people say them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import re2

__all__ = ["spoken_name", "spoken_number", "spoken_value"]

_NOON = 12
_SEPARATED = 1000
_EXACT = 1e15  # floats beyond it have no cents
_INNER_CAPITAL = re2.compile(r"([a-z0-9])([A-Z])")
_DAY = re2.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?:\b|T)")
_HOUR = re2.compile(r"(?:\b|T)(\d{2}):(\d{2})")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_UNITS = {
    "kg": "kilograms",
    "g": "grams",
    "lb": "pounds",
    "lbs": "pounds",
    "km": "kilometers kilometres",
    "m": "meters metres",
    "cm": "centimeters centimetres",
    "mm": "millimeters millimetres",
    "mi": "miles",
    "c": "degrees celsius",
    "f": "degrees fahrenheit",
    "pct": "percent",
    "percent": "percent",
    "ms": "milliseconds",
    "s": "seconds",
    "sec": "seconds",
    "min": "minutes",
    "h": "hours",
    "eur": "euros",
    "usd": "dollars",
    "gbp": "pounds",
    "kmh": "kilometers kilometres per hour",
    "kph": "kilometers kilometres per hour",
    "mph": "miles per hour",
}


def spoken_name(name: str) -> str:
    """Return a name in words, and its unit as people say it.

    `scanned_at` and `scannedAt` give the same words.
    """
    words = name.replace("_", " ").replace("-", " ")
    if not words.islower():
        words = _INNER_CAPITAL.sub(r"\1 \2", words)
    last = words.rpartition(" ")[2].lower()
    return f"{words} {_UNITS[last]}" if last in _UNITS else words


def spoken_value(text: str) -> str:
    """Return a value with the ways in which people may say its day, hour, number or currency."""
    if not text[:1].isdigit():
        unit = _UNITS.get(text.lower())
        # A name such as `in_transit` or `on-hold` is said in words.
        named = f"{text} {unit}" if unit else text
        return (
            named if " " in text or ("_" not in text and "-" not in text) else f"{named} {spoken_name(text)}"
        )
    said = [text]
    for found in _DAY.finditer(text) if "-" in text else ():
        try:
            day = date(*map(int, found.groups()))
        except ValueError:
            continue
        said.append(f"{day.day} {_MONTHS[day.month - 1]} {_MONTHS[day.month - 1][:3]}")
    for found in _HOUR.finditer(text) if ":" in text else ():
        hour = int(found.group(1))
        said.append(f"{hour} {hour % _NOON or _NOON} {'pm' if hour >= _NOON else 'am'}")
    with suppress(ValueError):
        said.append(spoken_number(float(text) if "." in text else int(text)))
    return " ".join(said)


def spoken_number(number: float) -> str:
    """Return a number as programs write it and as people do, with separators and full cents."""
    said = [str(number)]
    if isinstance(number, int):
        if abs(number) >= _SEPARATED:
            said.append(f"{number:,}")
    elif abs(number) < _EXACT:
        said.append(f"{number:,.2f}")
        if number.is_integer():
            said.append(f"{int(number):,}")
    return " ".join(said)
