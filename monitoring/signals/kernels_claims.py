"""Compiled search for what a text can refute by itself: dates that cannot be, sentences that clash."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.text.kernels import FNV_OFFSET, FNV_PRIME
from monitoring.text.kernels_lexicon import look_up

__all__ = [
    "AUXILIARIES",
    "CONDITIONS",
    "CONTRACTIONS",
    "FUNCTION",
    "MONTHS",
    "NOT",
    "STATES",
    "find_contradictions",
    "find_equations",
    "find_impossible_dates",
]

# Classes of words; CONTRACTIONS + k is the negated form of AUXILIARIES + k.
NOT, STATES, FUNCTION, CONDITIONS, MONTHS, AUXILIARIES, CONTRACTIONS = 1, 2, 3, 4, 10, 40, 60
_KINDS = 20
_FEWEST, _MOST = 4, 40  # words of a sentence worth comparing
_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)


@njit(cache=True, nogil=True, inline="always")
def _number(buffer: NDArray[np.uint8], begin: np.int32, end: np.int32) -> np.int64:
    """Read up to four digits, with an ordinal ending; -1 for anything else."""
    value = np.int64(0)
    at = begin
    while at < end and 48 <= buffer[at] <= 57:
        if at - begin == 4:
            return np.int64(-1)
        value = value * 10 + np.int64(buffer[at]) - 48
        at += 1
    rest = end - at
    if at == begin or (rest != 0 and rest != 2):
        return np.int64(-1)
    if rest == 2:
        a = buffer[at] | 32
        b = buffer[at + 1] | 32
        ordinal = (
            (a == 115 and b == 116)
            or (a == 110 and b == 100)
            or (a == 114 and b == 100)
            or (a == 116 and b == 104)
        )
        if not ordinal:
            return np.int64(-1)
    return value


@njit(cache=True, nogil=True, inline="always")
def _last_day(year: np.int64, month: np.int64) -> np.int64:
    if month == 2 and year > 0 and (year % 4 != 0 or (year % 100 == 0 and year % 400 != 0)):
        return np.int64(28)
    return np.int64(_DAYS[month])


@njit(cache=True, nogil=True, inline="always")
def _gap_is(buffer: NDArray[np.uint8], begin: int, end: int, byte: int) -> bool:
    return end - begin == 1 and buffer[begin] == byte


@njit(cache=True, nogil=True, inline="always")
def _near(buffer: NDArray[np.uint8], begin: int, end: int) -> bool:
    """Tell whether only spaces, a comma or a full stop lie between two words on one line."""
    if end - begin > 3 or end <= begin:
        return False
    plain = True
    for at in range(begin, end):
        plain = plain and (buffer[at] == 32 or buffer[at] == 44 or buffer[at] == 46)
    return plain


@njit(cache=True, nogil=True)
def find_impossible_dates(
    buffer: NDArray[np.uint8],
    ids: NDArray[np.uint32],
    begins: NDArray[np.int32],
    ends: NDArray[np.int32],
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
) -> NDArray[np.int64]:
    """Find days that no calendar has, such as February 30 or 2023-02-29; rows of (text, first, end byte).

    Read are `Month day[, year]`, `day [of] Month [year]`, `yyyy-mm-dd`, and `a/b/yyyy` when neither
    reading of it is a date. Month names shorter than four letters count only with a capital.
    """
    found = []
    for text in range(offsets.shape[0] - 1):
        first = offsets[text]
        last = offsets[text + 1]
        for at in range(first, last):
            lead = buffer[begins[at]]
            length = ends[at] - begins[at]
            if 48 <= lead <= 57:
                if at + 2 >= last or at + 1 >= last:
                    continue
                dashed = (
                    length == 4
                    and _gap_is(buffer, ends[at], begins[at + 1], 45)
                    and _gap_is(buffer, ends[at + 1], begins[at + 2], 45)
                    and ends[at + 1] - begins[at + 1] == 2
                    and ends[at + 2] - begins[at + 2] == 2
                )
                slashed = (
                    length <= 2
                    and _gap_is(buffer, ends[at], begins[at + 1], 47)
                    and _gap_is(buffer, ends[at + 1], begins[at + 2], 47)
                    and ends[at + 2] - begins[at + 2] == 4
                    and ends[at + 1] - begins[at + 1] <= 2
                )
                if not dashed and not slashed:
                    continue
                # Part of something longer, such as a phone number or a path.
                if (
                    begins[at] > 0
                    and at > first
                    and begins[at] - ends[at - 1] == 1
                    and buffer[begins[at] - 1] != 32
                ):
                    continue
                if (
                    at + 3 < last
                    and begins[at + 3] - ends[at + 2] == 1
                    and (buffer[ends[at + 2]] == 45 or buffer[ends[at + 2]] == 47)
                ):
                    continue
                a = _number(buffer, begins[at], ends[at])
                b = _number(buffer, begins[at + 1], ends[at + 1])
                c = _number(buffer, begins[at + 2], ends[at + 2])
                if a < 0 or b < 0 or c < 0:
                    continue
                bad = False
                if dashed and 1000 <= a <= 2999 and 1 <= b <= 12 and 28 <= c <= 31:
                    bad = bool(c > _last_day(a, b))
                elif slashed and 1000 <= c <= 2999 and 1 <= a <= 31 and 1 <= b <= 31:
                    american = 1 <= a <= 12 and b <= _last_day(c, a)
                    european = 1 <= b <= 12 and a <= _last_day(c, b)
                    bad = bool(not american and not european and (a <= 12 or b <= 12))
                if bad:
                    found.append((text, np.int64(begins[at]), np.int64(ends[at + 2])))
                continue
            if length < 3 or length > 9:
                continue
            beside = (at + 1 < last and 48 <= buffer[begins[at + 1]] <= 57) or (
                at > first and (48 <= buffer[begins[at - 1]] <= 57 or (buffer[begins[at - 1]] | 32) == 111)
            )
            if not beside:
                continue
            month = np.int64(look_up(keys, classes, ids[at])) - MONTHS
            if month < 1 or month > 12 or (length <= 4 and lead > 90):
                continue
            if at + 1 < last and _near(buffer, ends[at], begins[at + 1]):
                day = _number(buffer, begins[at + 1], ends[at + 1])
                if (28 < day <= 99 and ends[at + 1] - begins[at + 1] != 4) or (
                    28 < day <= 99 and buffer[ends[at + 1] - 1] > 57
                ):
                    year = np.int64(0)
                    end = ends[at + 1]
                    if at + 2 < last and _near(buffer, ends[at + 1], begins[at + 2]):
                        year = _number(buffer, begins[at + 2], ends[at + 2])
                        if year >= 1000:
                            end = ends[at + 2]
                        else:
                            year = np.int64(0)
                    # "May 45" may be a year; "May 45th" and "May 45, 2020" are days.
                    sure = day <= 31 or year > 0 or buffer[ends[at + 1] - 1] > 57
                    if sure and day > _last_day(year, month):
                        found.append((text, np.int64(begins[at]), np.int64(end)))
                        continue
            back = at - 1
            if back > first and ends[back] - begins[back] == 2 and (buffer[begins[back]] | 32) == 111:
                back -= 1  # "30th of February"
            if back >= first and begins[at] - ends[back] <= 4 and ends[back] - begins[back] <= 4:
                day = _number(buffer, begins[back], ends[back])
                if 28 < day <= 99 and _near(buffer, ends[at - 1], begins[at]):
                    year = np.int64(0)
                    end = ends[at]
                    if at + 1 < last and _near(buffer, ends[at], begins[at + 1]):
                        year = _number(buffer, begins[at + 1], ends[at + 1])
                        if year >= 1000:
                            end = ends[at + 1]
                        else:
                            year = np.int64(0)
                    sure = day <= 31 or (year > 0 and buffer[ends[back] - 1] > 57)
                    if sure and day > _last_day(year, month):
                        found.append((text, np.int64(begins[back]), np.int64(end)))
    out = np.empty((len(found), 3), dtype=np.int64)
    for row in range(len(found)):
        out[row, 0] = found[row][0]
        out[row, 1] = found[row][1]
        out[row, 2] = found[row][2]
    return out


@njit(cache=True, nogil=True)
def find_equations(
    buffer: NDArray[np.uint8], starts: NDArray[np.int64], signs: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which texts have an equals sign with a digit on both sides; `signs` are its byte positions."""
    texts = starts.shape[0] - 1
    found = np.zeros(texts, dtype=np.bool_)
    text = 0
    for sign in signs:
        while sign >= starts[text + 1]:
            text += 1
        left = sign - 1
        while left > starts[text] and buffer[left] == 32 and sign - left < 4:
            left -= 1
        right = sign + 1
        while (
            right + 1 < starts[text + 1] and right - sign < 4 and (buffer[right] == 32 or buffer[right] == 36)
        ):
            right += 1
        if (
            left >= starts[text]
            and right < starts[text + 1]
            and 48 <= buffer[left] <= 57
            and (
                48 <= buffer[right] <= 57
                or buffer[right] == 45
                or buffer[right] == 0xC2
                or buffer[right] == 0xE2
            )
        ):
            found[text] = True
    return found


@njit(cache=True, nogil=True)
def find_contradictions(
    buffer: NDArray[np.uint8],
    ids: NDArray[np.uint32],
    stems: NDArray[np.uint32],
    begins: NDArray[np.int32],
    offsets: NDArray[np.int64],
    sentence_begins: NDArray[np.int32],
    sentence_ends: NDArray[np.int32],
    sentence_offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
) -> NDArray[np.int64]:
    """Find pairs of sentences that say the same words with and without a negation, or with two numbers.

    Rows of (text, earlier sentence, later sentence, kind), kind 0 for a negation and 1 for a number.
    Questions, conditions and items of lists are left out, and numbers are compared only in statements with
    a verb of fact (born, founded, …) that hold exactly one.
    """
    found = []
    texts = offsets.shape[0] - 1
    most = 1
    for text in range(texts):
        most = max(most, sentence_offsets[text + 1] - sentence_offsets[text])
    size = 16
    while size < 4 * most:
        size *= 2
    mask = np.uint32(size - 1)
    stamps = np.zeros(size, dtype=np.int32)
    hashes = np.empty(size, dtype=np.uint32)
    checks = np.empty(size, dtype=np.uint32)
    tones = np.empty(size, dtype=np.int64)
    owners = np.empty(size, dtype=np.int64)
    for text in range(texts):
        at = offsets[text]
        stop = offsets[text + 1]
        for sentence in range(sentence_offsets[text], sentence_offsets[text + 1]):
            end = sentence_ends[sentence]
            first = at
            while at < stop and begins[at] < end:
                at += 1
            count = at - first
            if count < _FEWEST or count > _MOST or buffer[end - 1] == 63:
                continue
            lead = buffer[sentence_begins[sentence]]
            if lead == 42 or lead == 45 or lead == 35 or lead == 62 or lead == 124 or 48 <= lead <= 57:
                continue
            value, check = FNV_OFFSET, FNV_OFFSET
            number = np.uint32(0)
            numbers, negations, states, content = 0, 0, 0, 0
            conditional = False
            for word in range(first, at):
                kind = np.int64(look_up(keys, classes, ids[word]))
                part = stems[word]
                if kind == NOT:
                    negations += 1
                    continue
                if CONTRACTIONS <= kind < CONTRACTIONS + _KINDS:
                    negations += 1
                    kind += AUXILIARIES - CONTRACTIONS
                if AUXILIARIES <= kind < AUXILIARIES + _KINDS:
                    if kind == AUXILIARIES:
                        continue  # do, does, did come and go with the negation
                    part = np.uint32(kind)
                elif 48 <= buffer[begins[word]] <= 57:
                    numbers += 1
                    number = ids[word]
                    part = np.uint32(7)
                else:
                    content += 1 if kind != FUNCTION else 0
                    conditional = conditional or kind == CONDITIONS
                    states += 1 if kind == STATES else 0
                value = np.uint32((value ^ part) * FNV_PRIME)
                check = np.uint32((check + part) * np.uint32(2654435761) ^ (check >> np.uint32(15)))
            if content < 2 or negations > 1 or conditional:
                continue
            slot = value & mask
            while stamps[slot] == text + 1 and (hashes[slot] != value or checks[slot] != check):
                slot = (slot + np.uint32(1)) & mask
            tone = np.int64(number) * 2 + negations
            if stamps[slot] != text + 1:
                stamps[slot] = text + 1
                hashes[slot] = value
                checks[slot] = check
                tones[slot] = tone
                owners[slot] = sentence
                continue
            before = tones[slot]
            same_number = before // 2 == tone // 2
            if same_number and before % 2 != negations:
                found.append((text, owners[slot], sentence, 0))
            elif numbers == 1 and states > 0 and not same_number and before % 2 == negations and content > 2:
                found.append((text, owners[slot], sentence, 1))
    out = np.empty((len(found), 4), dtype=np.int64)
    for row in range(len(found)):
        for column in range(4):
            out[row, column] = found[row][column]
    return out
