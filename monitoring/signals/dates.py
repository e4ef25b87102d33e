"""Days that no calendar has, such as February 30 or 2023-02-29."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import re2

__all__ = ["MONTHS", "find_impossible_dates"]

MONTHS: Final = (
    "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
    "september sep sept", "october oct", "november nov", "december dec",
)  # fmt: skip
"""The names of each month, in lower case."""

_NUMBERS: Final = {name: number for number, names in enumerate(MONTHS, 1) for name in names.split()}
_LEAP_YEAR: Final = 2000  # stands for a year that is not said
_MONTHS_OF_YEAR: Final = 12
_LONGEST_MONTH: Final = 31

# Only days from 29 on can be impossible. Short names count with a capital alone, because `may` and `mar` are words.
_LONG = "(?i:" + "|".join(name for name in _NUMBERS if len(name) > 4) + ")"  # noqa: PLR2004 letters
_SHORT = "|".join(f"{name[0].upper()}(?i:{name[1:]})" for name in _NUMBERS if len(name) <= 4)  # noqa: PLR2004 letters
_MONTH = rf"\b(?P<month>{_LONG}|{_SHORT})\b"
_DAY = r"\b(?P<day>29|[3-9]\d)(?P<ordinal>(?i:st|nd|rd|th))?\b"
_YEAR = r"(?:[ ,.]{1,3}(?P<year>[1-9]\d{3})\b)?"
_MONTH_FIRST = re2.compile(rf"{_MONTH}[ ,.]{{1,3}}{_DAY}{_YEAR}")
_DAY_FIRST = re2.compile(rf"{_DAY}(?:[ ,.]{{1,3}}|\s(?i:o)\w[ ,.]){_MONTH}{_YEAR}")
_GOES_BEFORE, _GOES_ON = re2.compile(r"[\pL\pN_][^\pL\pN_ \x{80}-\x{10FFFF}]"), re2.compile(r"[-/][\pL\pN_]")
_DIGITS = re2.compile(r"\b(?:[12]\d{3}-\d\d-(?:29|3[01])|\d\d?/\d\d?/[12]\d{3})\b")


def find_impossible_dates(text: str) -> list[tuple[int, int]]:
    """Return the places of days that no calendar has, as characters from the first to the one after the last.

    Read are `Month day[, year]`, `day [of] Month [year]`, `yyyy-mm-dd`, and `a/b/yyyy` where neither of both is the
    month of a day that exists.
    """
    named = dict(_find_named(text))
    return sorted([*named.values(), *_find_written_in_digits(text)])


def _find_named(text: str) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield where a month stands and the whole date; of two readings of one month the last counts."""
    for pattern in (_DAY_FIRST, _MONTH_FIRST):
        for match in pattern.finditer(text):
            day, ordinal, year = int(match["day"]), match["ordinal"], match["year"]
            # "May 45" may be a year; "May 45th" and "May 45, 2020" are days.
            certain = (ordinal and year) if pattern is _DAY_FIRST else (ordinal or year)
            month = _NUMBERS[match["month"].lower()]
            exists = _exists(int(year or _LEAP_YEAR), month, day)
            if not exists and (day <= _LONGEST_MONTH or certain):
                yield match.start("month"), match.span()


def _find_written_in_digits(text: str) -> Iterator[tuple[int, int]]:
    for match in _DIGITS.finditer(text):
        start, end = match.span()
        if _is_part_of_more(text, start, end):
            continue
        written = match.group()
        if "-" in written:
            year, month, day = map(int, written.split("-"))
            impossible = 1 <= month <= _MONTHS_OF_YEAR and not _exists(year, month, day)
        else:
            first, second, year = map(int, written.split("/"))
            low, high = sorted((first, second))
            plausible = 1 <= low <= _MONTHS_OF_YEAR and high <= _LONGEST_MONTH
            impossible = plausible and not (_exists(year, first, second) or _exists(year, second, first))
        if impossible:
            yield start, end


def _is_part_of_more(text: str, start: int, end: int) -> bool:
    """Tell whether what looks like a date goes on on either side, as in a phone number or a path."""
    return (
        _GOES_BEFORE.fullmatch(text[max(0, start - 2) : start]) is not None
        or _GOES_ON.fullmatch(text[end : end + 2]) is not None
    )


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
