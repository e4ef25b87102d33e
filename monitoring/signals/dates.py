"""Days that no calendar has, such as February 30 or 2023-02-29."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np
import re2
from numpy.typing import NDArray

__all__ = ["find_impossible_dates", "find_suspects"]

_MONTHS: Final = (
    "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
    "september sep sept", "october oct", "november nov", "december dec",
)  # fmt: skip

_LONGEST_SHORT: Final = 4
_MOST_DATES: Final = 200  # a text with more is a list of test data


def _name(month: str) -> str:
    """Return a pattern for the name of a month.

    A short name needs a capital letter, because `may` and `mar` are words.
    """
    return f"(?i:{month})" if len(month) > _LONGEST_SHORT else f"{month[0].upper()}(?i:{month[1:]})"


def _any_of(*months: int) -> str:
    return rf"\b(?:{'|'.join(_name(name) for month in months for name in _MONTHS[month - 1].split())})\b"


_FEBRUARY, _THIRTY_DAYS, _ANY = _any_of(2), _any_of(4, 6, 9, 11), _any_of(*range(1, 13))
_TOO_MANY = r"(?:3[2-9]|[4-9]\d)"
_ORDINAL = "(?i:st|nd|rd|th)"
_GAP = "[ ,.]{1,3}"
_OF = rf"(?:{_GAP}|\s(?i:o)\w[ ,.])"
_YEAR = rf"(?:{_GAP}[1-9]\d{{3}}\b)"
_FULL_YEAR = r"[12]\d{3}"
_NEVER = "|".join(
    [
        rf"(?:{_FEBRUARY}{_GAP}3[01]|{_THIRTY_DAYS}{_GAP}31){_ORDINAL}?\b{_YEAR}?",
        # "May 45" may be a year, but "May 45th" and "May 45, 2020" are days.
        rf"{_ANY}{_GAP}{_TOO_MANY}(?:{_ORDINAL}\b{_YEAR}?|\b{_YEAR})",
        rf"\b(?:3[01]{_ORDINAL}?{_OF}{_FEBRUARY}|31{_ORDINAL}?{_OF}{_THIRTY_DAYS}){_YEAR}?",
        rf"\b{_TOO_MANY}{_ORDINAL}{_OF}{_ANY}{_YEAR}",
    ]
)
_NEVER_IN_DIGITS = (
    rf"\b{_FULL_YEAR}-(?:02-3[01]|(?:0[469]|11)-31)\b"
    rf"|\b(?:0?2/3[01]|3[01]/0?2|(?:0?[469]|11)/31|31/(?:0?[469]|11))/{_FULL_YEAR}\b"
)
_LEAP = rf"{_FEBRUARY}{_GAP}29{_ORDINAL}?\b{_YEAR}|\b29{_ORDINAL}?{_OF}{_FEBRUARY}{_YEAR}"
_LEAP_IN_DIGITS = rf"\b(?:{_FULL_YEAR}-02-29|(?:0?2/29|29/0?2)/{_FULL_YEAR})\b"
_PATTERN = (
    f"(?P<never>{_NEVER})|(?P<never_in_digits>{_NEVER_IN_DIGITS})"
    f"|(?P<leap>{_LEAP})|(?P<leap_in_digits>{_LEAP_IN_DIGITS})"
)
_DATE = re2.compile(_PATTERN)
# The borders of words are left out, because joined texts have none between them.
_SUSPECT = re2.compile(_PATTERN.replace(r"\b", ""))
_FOUR_DIGITS = re2.compile(r"\d{4}")
# After these characters, a date in digits is part of something longer, such as a phone number or a
# path.
_GOES_BEFORE = re2.compile(r"[\pL\pN_][^\pL\pN_ \x{80}-\x{10FFFF}]")
_GOES_ON = re2.compile(r"[-/][\pL\pN_]")


def find_suspects(buffer: NDArray[np.uint8], starts: NDArray[np.int64]) -> list[int]:
    """Return the indexes of the texts that may hold an impossible date, in ascending order.

    One pass over the bytes of all texts finds them. `starts` are the positions of the n texts in
    the buffer, and the end of the last one.
    """
    content, at = buffer.tobytes(), 0
    found: list[int] = []
    while match := _SUSPECT.search(content, at):
        # A match that seems to begin in one text and end in another may hide a date in either.
        first, last = np.searchsorted(starts, [match.start(), match.end() - 1], side="right") - 1
        found += range(first, last + 1)
        at = int(starts[last + 1])
    return found


def find_impossible_dates(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of days that no calendar has, as characters; the end is exclusive.

    The forms that are read are `Month day[, year]`, `day [of] Month [year]` and `yyyy-mm-dd`. The
    form `a/b/yyyy` is read if neither number can be the month when the other is the day. At most
    the first 200 candidates are checked.
    """
    for match in islice(_DATE.finditer(text), _MOST_DATES):
        in_digits = match["never_in_digits"] is not None or match["leap_in_digits"] is not None
        never = match["never"] is not None or match["never_in_digits"] is not None
        exists = not never and isleap(int(_FOUR_DIGITS.search(match.group()).group()))
        if not exists and not (in_digits and _is_part_of_more(text, *match.span())):
            yield match.span()


def _is_part_of_more(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return _GOES_BEFORE.fullmatch(before) is not None or _GOES_ON.fullmatch(after) is not None
