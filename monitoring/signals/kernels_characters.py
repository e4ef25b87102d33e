"""Compiled measurements of the characters of a text: noise, unclosed marks, and scripts."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "ENDINGS",
    "END_CLASSES",
    "NOISE",
    "SCRIPTS",
    "measure_endings",
    "measure_noise",
    "measure_scripts",
]

# The columns of measure_noise, in this order:
#
# - plain lower-case words outside code
# - those of them that are unknown
# - other words outside code
# - breaks inside words (such as `lett&er`)
# - bytes outside code
# - control and replacement characters
NOISE = 6
# The columns of measure_endings, in this order:
#
# - the class of the last character
# - an open fence
# - unclosed brackets
# - an odd number of bold marks
# - an odd number of quotes
# - the kind of the last line
# - the lines before it, and those of them that end like a sentence
# - the earlier lines of its kind, and those of them that end like a sentence
# - the bytes of the last line
# - the mean bytes of the lines of its kind
ENDINGS = 12
# The classes are: nothing, end of a sentence, closing mark, colon, joining mark, lower case, upper
# case, digit, other letter, symbol.
END_CLASSES = 10
# The columns of measure_scripts count the bytes of letters in each script: Latin, Greek, Cyrillic,
# Hebrew, Arabic, Indic, Thai, CJK, Hangul.
SCRIPTS = 9


@njit(cache=True, nogil=True, inline="always")
def _is_letter(byte: int) -> bool:
    return 97 <= (byte | 32) <= 122


def _mark_bytes() -> NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for mark, letters in (
        (_LOWER, "abcdefghijklmnopqrstuvwxyz'"),
        (_BREAKS, '!"#$%&*+,;<>?@[]^`{|}~'),
        (_JOINS_BEFORE, "@/.\\#"),
        (_JOINS_AFTER, "@/\\("),
    ):
        for letter in letters:
            table[ord(letter)] |= mark
    return table


_LOWER, _BREAKS, _JOINS_BEFORE, _JOINS_AFTER = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)
_MARKS = _mark_bytes()


@njit(cache=True, nogil=True)
def _is_mixed(buffer: NDArray[np.uint8], begin: int, end: int) -> bool:
    """Tell whether a word has a digit between letters, or a capital after a small letter."""
    for k in range(begin + 1, end):
        before, here = buffer[k - 1], buffer[k]
        if 97 <= before <= 122 and 65 <= here <= 90:
            return True
        if 48 <= here <= 57 and k + 1 < end and _is_letter(before) and _is_letter(buffer[k + 1]):
            return True
    return False


@njit(cache=True, nogil=True)
def measure_noise(
    buffer: NDArray[np.uint8],
    starts: NDArray[np.int64],
    begins: NDArray[np.int32],
    ends: NDArray[np.int32],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int32],
) -> NDArray[np.int64]:
    """Measure how much of each text looks like broken characters, shape (n, NOISE).

    The comment at NOISE names the columns. `rows` gives the row of each word in the table of known
    words, and is negative for an unknown word. Blocks between lines of three backticks are code and
    are left out.
    """
    texts = starts.shape[0] - 1
    out = np.zeros((texts, NOISE), dtype=np.int64)
    for text in range(texts):
        row = out[text]
        word, last = offsets[text], offsets[text + 1]
        code = False
        at = starts[text]
        stop = starts[text + 1]
        while at < stop:
            byte = buffer[at]
            if byte == 96 and at + 2 < stop and buffer[at + 1] == 96 and buffer[at + 2] == 96:
                code = not code
                at += 3
                continue
            if word < last and at == begins[word]:
                end = ends[word]
                if not code:
                    joined = (at > starts[text] and _MARKS[buffer[at - 1]] & _JOINS_BEFORE) or (
                        end < stop and _MARKS[buffer[end]] & _JOINS_AFTER
                    )
                    common = np.uint8(255)
                    for k in range(at, end):
                        common &= _MARKS[buffer[k]]
                    if common & _LOWER and end - at > 2 and byte != 39 and not joined:
                        row[0] += 1
                        row[1] += 1 if rows[word] < 0 else 0
                    else:
                        row[2] += 1
                        row[3] += (
                            1 if not common & _LOWER and not joined and _is_mixed(buffer, at, end) else 0
                        )
                    if end + 1 < stop and _MARKS[buffer[end]] & _BREAKS:
                        row[3] += 1 if _is_letter(buffer[end - 1]) and _is_letter(buffer[end + 1]) else 0
                    row[4] += end - at
                word += 1
                at = end
                continue
            if not code and byte != 10:
                row[4] += 1
            if (byte < 32 and byte != 10 and byte != 9 and byte != 13) or byte == 127:
                row[5] += 1
            elif byte == 0xEF and at + 2 < stop and buffer[at + 1] == 0xBF and buffer[at + 2] == 0xBD:
                row[5] += 1
            at += 1
    return out


@njit(cache=True, nogil=True, inline="always")
def _end_class(buffer: NDArray[np.uint8], begin: int, end: int) -> int:  # noqa: PLR0911 one return a class
    """Return the class of the character that ends at `end`, exclusive."""
    if end <= begin:
        return 0
    byte = buffer[end - 1]
    if byte in (46, 33, 63):
        return 1
    if byte in (41, 93, 125, 34, 39, 96, 42, 124, 62, 95):
        inner = end - 1
        while inner > begin and buffer[inner - 1] in (41, 34, 39, 42, 95):
            inner -= 1
        return 1 if inner > begin and buffer[inner - 1] in (46, 33, 63) else 2
    if byte == 58:
        return 3
    if byte in (44, 59, 45, 40, 91, 123, 60, 43, 61, 38, 47):
        return 4
    if 97 <= byte <= 122:
        return 5
    if 65 <= byte <= 90:
        return 6
    if 48 <= byte <= 57 or byte == 37:
        return 7
    if byte >= 128:
        if end - begin > 2:
            a, b, c = buffer[end - 3], buffer[end - 2], byte
            if a == 0xE3 and b == 0x80 and c == 0x82:
                return 1
            if a == 0xEF and b == 0xBC and (c == 0x81 or c == 0x9F):
                return 1
            if a == 0xE0 and b == 0xA5 and (c == 0xA4 or c == 0xA5):
                return 1  # danda
            if (b == 0xD8 and c == 0x9F) or (b == 0xDB and c == 0x94):
                return 1  # Arabic and Urdu
            if a == 0xE2 and b == 0x80:
                closed = end - begin > 3 and buffer[end - 4] in (46, 33, 63)
                return 1 if c == 0xA6 or closed else 2
            if (a == 0xE3 and b == 0x80) or (a == 0xEF and b == 0xBC and c == 0x89):
                return 2
            if a == 0xE2 or a == 0xF0 or buffer[end - 4 if end - begin > 3 else end - 3] == 0xF0:
                return 2  # a sign or an emoji closes a message
        return 8
    return 9


@njit(cache=True, nogil=True, inline="always")
def _line_kind(buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """Return the kind of a line: 0 paragraph, 1 item of a list, 2 heading, 3 row of a table."""
    byte = buffer[begin]
    if byte == 35:
        return 2
    if byte == 124:
        return 3
    if (byte == 45 or byte == 42 or byte == 43) and begin + 1 < end and buffer[begin + 1] == 32:
        return 1
    if byte == 0xE2 and begin + 2 < end and buffer[begin + 1] == 0x80 and buffer[begin + 2] == 0xA2:
        return 1
    at = begin
    while at < end and 48 <= buffer[at] <= 57:
        at += 1
    if at > begin and at < end and (buffer[at] == 46 or buffer[at] == 41):
        return 1
    return 0


@njit(cache=True, nogil=True)
def measure_endings(buffer: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Measure how each text ends and what it leaves open, shape (n, ENDINGS).

    The comment at ENDINGS names the columns.
    """
    texts = starts.shape[0] - 1
    out = np.zeros((texts, ENDINGS), dtype=np.float64)
    lines = np.zeros(4, dtype=np.int64)
    ended = np.zeros(4, dtype=np.int64)
    sizes = np.zeros(4, dtype=np.int64)
    for text in range(texts):
        row = out[text]
        first, stop = starts[text], starts[text + 1]
        while stop > first and buffer[stop - 1] <= 32:
            stop -= 1
        row[0] = _end_class(buffer, first, stop)
        lines[:], ended[:], sizes[:] = 0, 0, 0
        code = False
        bold, quotes = 0, 0
        round_open, square_open, curly_open = 0, 0, 0
        begin = first
        at = first
        while at <= stop:
            if at == stop or buffer[at] == 10:
                left, right = begin, at
                while left < right and buffer[left] <= 32:
                    left += 1
                while right > left and buffer[right - 1] <= 32:
                    right -= 1
                if right > left and at < stop and not code:
                    kind = _line_kind(buffer, left, right)
                    lines[kind] += 1
                    sizes[kind] += right - left
                    closing = _end_class(buffer, left, right)
                    ended[kind] += 1 if closing == 1 or closing == 2 else 0
                if at == stop:
                    if right > left:
                        kind = _line_kind(buffer, left, right)
                        row[5] = kind
                        row[6] = lines.sum()
                        row[7] = ended.sum()
                        row[8] = lines[kind]
                        row[9] = ended[kind]
                        row[10] = right - left
                        row[11] = sizes[kind] / lines[kind] if lines[kind] else right - left
                    break
                begin = at + 1
                at += 1
                continue
            byte = buffer[at]
            if byte == 96 and at + 2 < stop and buffer[at + 1] == 96 and buffer[at + 2] == 96:
                code = not code
                at += 3
                continue
            if not code:
                if byte == 42 and at + 1 < stop and buffer[at + 1] == 42:
                    bold += 1
                    at += 2
                    continue
                if byte == 34:
                    quotes += 1
                elif byte == 40:
                    round_open += 1
                elif byte == 41:
                    round_open = max(0, round_open - 1)
                elif byte == 91:
                    square_open += 1
                elif byte == 93:
                    square_open = max(0, square_open - 1)
                elif byte == 123:
                    curly_open += 1
                elif byte == 125:
                    curly_open = max(0, curly_open - 1)
            at += 1
        row[1] = 1.0 if code else 0.0
        row[2] = round_open + square_open + curly_open
        row[3] = bold % 2
        row[4] = quotes % 2
    return out


@njit(cache=True, nogil=True)
def measure_scripts(buffer: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the bytes of letters of each script in each text, shape (n, SCRIPTS).

    The comment at SCRIPTS names the columns.
    """
    texts = starts.shape[0] - 1
    out = np.zeros((texts, SCRIPTS), dtype=np.int64)
    for text in range(texts):
        row = out[text]
        at, stop = starts[text], starts[text + 1]
        while at < stop:
            byte = buffer[at]
            if byte < 128:
                row[0] += 1 if _is_letter(byte) else 0
                at += 1
            elif byte >= 0xF0:
                at += 4
            elif byte >= 0xE0:
                following = buffer[at + 1] if at + 1 < stop else 0
                if byte == 0xE0:
                    row[5 if following < 0xB8 else 6] += 3
                elif (byte == 0xE3 and following >= 0x81) or 0xE4 <= byte <= 0xE9:
                    row[7] += 3
                elif 0xEA <= byte <= 0xED and not (byte == 0xED and following >= 0x9F):
                    row[8] += 3
                at += 3
            else:
                if 0xC3 <= byte <= 0xC9:
                    row[0] += 2
                elif byte == 0xCE or byte == 0xCF:
                    row[1] += 2
                elif 0xD0 <= byte <= 0xD3:
                    row[2] += 2
                elif byte == 0xD6 or byte == 0xD7:
                    row[3] += 2
                elif 0xD8 <= byte <= 0xDB:
                    row[4] += 2
                at += 2
    return out
