"""Compiled reading of numbers as values.

One amount in two notations is one value, and two amounts are two values.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.text.kernels_lexicon import look_up

__all__ = [
    "AFTERNOON",
    "FIRST",
    "FURTHER",
    "HALF",
    "MONTHS",
    "NUMERALS",
    "OF",
    "ONE",
    "QUARTER",
    "ROUGHLY",
    "SCALES",
    "UNITS",
    "WORDED",
    "match_measures",
    "match_values",
    "scan_values",
]

# The place of a word in a value: the first word of a stated value, a word that has a value, or a
# further word of a value.
FIRST, WORDED, FURTHER = 1, 2, 3

# Classes of the table of words: months 1..12, scales as a power of ten, `pm`, words such as
# `about`, `of`, `one`, and numerals from zero on.
MONTHS, SCALES, AFTERNOON, ROUGHLY, OF, ONE, NUMERALS = 0, 20, 40, 41, 42, 43, 50

# Classes of the table of units: `half`, `quarter`, and units from `UNITS` on.
HALF, QUARTER, UNITS = 1, 2, 10
_APART = 100.0  # logarithms of two dimensions are further apart than any two values of one
_TENS = 20
_NEW = 2  # the mark of `match_values` for what neither source nor prompt has

_NOON = 12
_HALF = 0.499  # of the last digit: what was rounded to it
_NEARLY = 0.15  # of a value that is called rough


@njit(cache=True, nogil=True)
def scan_values(
    buffer: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ids: NDArray[np.uint32],
    begins: NDArray[np.int32],
    ends: NDArray[np.int32],
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
    wanted: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """Read the numbers of the texts that are `wanted`.

    Returns for each word its value, how far rounding may be off, and the place of the word in a
    value. Commas or points group thousands. Decimals follow a point, or a comma before at most two
    digits. A scale (`million`, `k`, `B`) multiplies, `pm` adds twelve hours, and a word such as
    `about` before the number allows for 15 %. Names of months are numbers beside a number in
    digits, and otherwise words that have a value. The numbers of list items and of citations in
    brackets are no values.
    """
    words = ids.shape[0]
    values = np.zeros(words, dtype=np.float64)
    slack = np.zeros(words, dtype=np.float64)
    marks = np.zeros(words, dtype=np.uint8)
    for text in range(offsets.shape[0] - 1):
        if not wanted[text]:
            continue
        low = starts[text]
        high = starts[text + 1]
        stop = offsets[text + 1]
        at = offsets[text]
        last_cited = np.int64(-1)
        while at < stop:
            first = buffer[begins[at]]
            if not 48 <= first <= 57:
                kind = look_up(keys, classes, ids[at])
                if kind >= NUMERALS:
                    values[at] = kind - NUMERALS
                    marks[at] = FIRST
                    last = at
                    # forty-eight
                    if kind >= NUMERALS + _TENS and at + 1 < stop and begins[at + 1] == ends[at] + 1:
                        small = look_up(keys, classes, ids[at + 1])
                        if small == ONE or NUMERALS < small < NUMERALS + 10:
                            values[at] += 1 if small == ONE else small - NUMERALS
                            last += 1
                            marks[last] = FURTHER
                    if last + 1 < stop:
                        scale = look_up(keys, classes, ids[last + 1])
                        if SCALES < scale < AFTERNOON:
                            values[at] *= 10.0 ** (scale - SCALES)
                            last += 1
                            marks[last] = FURTHER
                    at = last
                elif MONTHS < kind < SCALES and 65 <= first <= 90:
                    beside = at + 1 < stop and 48 <= buffer[begins[at + 1]] <= 57
                    beside = beside or (at > offsets[text] and marks[at - 1] == FIRST)
                    apart = at > offsets[text] + 1 and marks[at - 2] != 0 and marks[at - 1] == 0
                    if apart and look_up(keys, classes, ids[at - 1]) == OF:
                        marks[at - 1] = FURTHER
                        beside = True
                    values[at] = kind
                    marks[at] = FIRST if beside else WORDED
                at += 1
                continue
            start = at
            begin = begins[at]
            value = 0.0
            place = begin
            while place < ends[at] and 48 <= buffer[place] <= 57:
                value = value * 10.0 + (buffer[place] - 48)
                place += 1
            digits = place - begin
            power = 1.0
            # In 1,234,567 and 1.234.567, and in 12.5, the next word begins where the separator
            # ends.
            while (
                place == ends[at]
                and at + 1 < stop
                and begins[at + 1] == place + 1
                and 48 <= buffer[place + 1] <= 57
                and (buffer[place] == 44 or buffer[place] == 46)
            ):
                follow = place + 1
                while follow < ends[at + 1] and 48 <= buffer[follow] <= 57:
                    follow += 1
                length = follow - place - 1
                grouped = length == 3 and digits <= 3 and power == 1.0
                # 4,60 is a decimal where no citation and no further number follows.
                decimal = buffer[place] == 44 and length <= 2 and digits <= 3 and at == start and power == 1.0
                decimal = decimal and (begin == low or buffer[begin - 1] != 91)
                ended = follow >= high or (buffer[follow] != 44 and buffer[follow] != 93)
                decimal = decimal and (ended or follow + 1 >= high or buffer[follow + 1] == 32)
                if buffer[place] == 46:
                    more = follow + 3 < high and buffer[follow] == 46 and 48 <= buffer[follow + 1] <= 57
                    grouped = grouped and (more or at > start)
                    if not grouped and power != 1.0:
                        break
                elif not grouped and not decimal:
                    break
                for k in range(place + 1, follow):
                    value = value * 10.0 + (buffer[k] - 48)
                    if not grouped:
                        power *= 10.0
                at += 1
                place = follow
                digits = 3 if grouped else 9
            value /= power
            unit = 1.0 / power
            scaled = 1.0
            afternoon = False
            rest = ends[at] - place
            if rest > 0:
                letter = buffer[place] | 32
                if rest == 1 and letter == 107:
                    scaled = 1e3
                elif letter == 109 and (rest == 1 or (rest == 2 and buffer[place + 1] | 32 == 110)):
                    scaled = 1e6
                elif letter == 98 and (rest == 1 or (rest == 2 and buffer[place + 1] | 32 == 110)):
                    scaled = 1e9
                elif rest == 2 and letter == 112 and buffer[place + 1] | 32 == 109:
                    afternoon = True
            elif at + 1 < stop and begins[at + 1] <= place + 1:
                kind = look_up(keys, classes, ids[at + 1])
                if SCALES < kind < AFTERNOON:
                    scaled = 10.0 ** (kind - SCALES)
                    at += 1
                elif kind == AFTERNOON:
                    afternoon = True
                    at += 1
                elif buffer[begins[at + 1]] | 32 == 112 and begins[at + 1] + 2 < high:
                    letter = begins[at + 1]
                    if buffer[letter + 1] == 46 and buffer[letter + 2] | 32 == 109:
                        afternoon = True
                        at += 2 if at + 2 < stop and ends[at + 1] == letter + 1 else 1
            if afternoon:
                # In 2:30 pm the hour is the number before.
                past = start > offsets[text] and buffer[begin - 1] == 58 and marks[start - 1] == FIRST
                if past and values[start - 1] < _NOON:
                    values[start - 1] += _NOON
                elif not past and value < _NOON:
                    value += _NOON
            value *= scaled
            unit *= scaled
            for k in range(start, at + 1):
                marks[k] = FURTHER
            after = buffer[place] if place < high else 0
            before = begin - 1
            cited = before >= low and buffer[before] == 91 and (after == 93 or after == 44)
            # In [1, 2] the number before was a citation, and a comma follows it.
            if start > offsets[text] and ends[start - 1] + 2 >= begin and buffer[ends[start - 1]] == 44:
                cited = cited or (last_cited == start - 1 and (after == 93 or after == 44))
            if cited:
                last_cited = at
            while before >= low and buffer[before] == 32:
                before -= 1
            listed = (before < low or buffer[before] == 10) and (after == 46 or after == 41) and scaled == 1.0
            listed = listed and place + 1 < high and buffer[place + 1] == 32
            minutes = begin > low and buffer[begin - 1] == 58 and value == 0.0 and start > offsets[text]
            if not cited and not listed and not minutes:
                marks[start] = FIRST
                values[start] = value
                slack[start] = _HALF * unit if unit != 1.0 else 0.0
                if start > offsets[text] and look_up(keys, classes, ids[start - 1]) == ROUGHLY:
                    slack[start] = max(slack[start], _NEARLY * value)
            at += 1
    return values, slack, marks


@njit(cache=True, nogil=True)
def _measure(
    at: int,
    stop: int,
    values: NDArray[np.float64],
    marks: NDArray[np.uint8],
    units: NDArray[np.uint8],
    dimensions: NDArray[np.int64],
    factors: NDArray[np.float64],
) -> float:
    """Return the dimension and the logarithm of a value with its unit, as one number.

    It is 0 if the value has no unit. The value begins at the word `at`. Alternatively this word is
    a unit without a number, as in `half an hour` and `a year`.
    """
    value = values[at]
    unit = at
    if marks[at] == FIRST:
        unit += 1
        while unit < stop and marks[unit] == FURTHER:
            unit += 1
        if unit >= stop or units[unit] < UNITS:
            return 0.0
    else:
        value = 1.0
        for before in range(max(0, at - 3), at):
            if units[before] == HALF:
                value = 0.5
            elif units[before] == QUARTER:
                value = 0.25
    # an hour and a half
    if unit + 3 < stop and units[unit + 3] == HALF and units[unit + 1] == 0 and units[unit + 2] == 0:
        value += 0.5
    if value <= 0.0:
        return 0.0
    return float(_APART * dimensions[units[unit]] + np.log(value * factors[units[unit]]))


@njit(cache=True, nogil=True)
def match_measures(
    found: NDArray[np.uint8],
    values: NDArray[np.float64],
    slack: NDArray[np.float64],
    marks: NDArray[np.uint8],
    units: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    known_values: NDArray[np.float64],
    known_marks: NDArray[np.uint8],
    known_units: NDArray[np.uint8],
    known_offsets: NDArray[np.int64],
    dimensions: NDArray[np.int64],
    factors: NDArray[np.float64],
) -> None:
    """Clear the mark 2 of new values that equal a value of the source in another unit.

    36 months are three years.
    """
    for text in range(offsets.shape[0] - 1):
        count = -1
        known = np.empty(0, dtype=np.float64)
        stop = offsets[text + 1]
        for at in range(offsets[text], stop):
            if found[at] != _NEW:
                continue
            own = _measure(at, stop, values, marks, units, dimensions, factors)
            if own == 0.0:
                continue
            if count < 0:
                last = known_offsets[text + 1]
                known = np.empty(last - known_offsets[text], dtype=np.float64)
                count = 0
                for word in range(known_offsets[text], last):
                    alone = known_units[word] >= UNITS
                    alone = alone and (word == known_offsets[text] or known_marks[word - 1] == 0)
                    if known_marks[word] == FIRST or alone:
                        known[count] = _measure(
                            word, last, known_values, known_marks, known_units, dimensions, factors
                        )
                        count += 1
                known = np.sort(known[:count])
            reach = 1e-6 + slack[at] / max(abs(values[at]), 1e-9)
            place = np.searchsorted(known, own - reach)
            if place < count and known[place] <= own + reach:
                found[at] = 1


@njit(cache=True, nogil=True)
def match_values(
    values: NDArray[np.float64],
    slack: NDArray[np.float64],
    marks: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    known_values: NDArray[np.float64],
    known_marks: NDArray[np.uint8],
    known_offsets: NDArray[np.int64],
    asked_values: NDArray[np.float64],
    asked_marks: NDArray[np.uint8],
    asked_offsets: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Mark each word that states a value: 1 if the source or the prompt has the value, 2 if not.

    Other words are 0.
    """
    found = np.zeros(values.shape[0], dtype=np.uint8)
    for text in range(offsets.shape[0] - 1):
        stated = 0
        for at in range(offsets[text], offsets[text + 1]):
            stated += 1 if marks[at] == FIRST else 0
        if stated == 0:
            continue
        room = known_offsets[text + 1] - known_offsets[text] + asked_offsets[text + 1] - asked_offsets[text]
        known = np.empty(room, dtype=np.float64)
        count = 0
        for at in range(known_offsets[text], known_offsets[text + 1]):
            if known_marks[at] == FIRST or known_marks[at] == WORDED:
                known[count] = known_values[at]
                count += 1
        for at in range(asked_offsets[text], asked_offsets[text + 1]):
            if asked_marks[at] == FIRST or asked_marks[at] == WORDED:
                known[count] = asked_values[at]
                count += 1
        known = np.sort(known[:count])
        for at in range(offsets[text], offsets[text + 1]):
            if marks[at] != FIRST:
                continue
            reach = slack[at] + 1e-9 * abs(values[at])
            place = np.searchsorted(known, values[at] - reach)
            found[at] = 1 if place < count and known[place] <= values[at] + reach else 2
    return found
