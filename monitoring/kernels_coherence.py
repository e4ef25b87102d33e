"""Compiled measurements of how a text degenerates: repetition, broken characters, a missing end."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.kernels import FNV_OFFSET, FNV_PRIME
from monitoring.kernels_lexicon import look_up

__all__ = [
    "CLOSER",
    "ENDINGS",
    "END_CLASSES",
    "LINKER",
    "NOISE",
    "OPENER",
    "ORDER",
    "POINTER",
    "REPETITION",
    "SCRIPTS",
    "measure_endings",
    "measure_noise",
    "measure_order",
    "measure_repetition",
    "measure_scripts",
]

# Columns of measure_repetition: words, words in loops, repeats of the longest loop, words that end three words
# seen before, words of sentences seen before, bytes of the longest run of one to four characters, all bytes;
# then the first and the end byte of the longest loop, or else of a sentence seen before.
REPETITION = 9
# Columns of measure_noise: plain lower-case words outside code, unknown ones of these, other words outside
# code, breaks inside words (such as `lett&er`), bytes outside code, control and replacement characters.
NOISE = 6
# Columns of measure_endings: class of the last character, open fence, unclosed brackets, odd bold marks, odd
# quotes, kind of the last line, lines before it, those that end like a sentence, lines of its kind, those
# of them that end like a sentence, bytes of the last line, mean bytes of the lines of its kind.
ENDINGS = 12
# Nothing, end of a sentence, closing mark, colon, joining mark, lower case, upper case, digit, other letter, symbol.
END_CLASSES = 10
# Latin, Greek, Cyrillic, Hebrew, Arabic, Indic, Thai, CJK, Hangul: bytes of letters in each.
SCRIPTS = 9

# Columns of measure_order: sentences; then for each class of leading words 1..4 (linking, pointing back,
# closing, opening) whether it leads the first sentence, how often inner ones, whether the last; content words
# said in an earlier sentence, of these in the one just before, and in the first.
ORDER = 16
LINKER, POINTER, CLOSER, OPENER = 1, 2, 3, 4

_LOOP_WORDS = 6  # a loop must hold this many words beyond its first round
_SENTENCE_WORDS = 4
_APART = 4
_STRIDE = 16


@njit(cache=True, nogil=True, inline="always")
def _same(buffer: NDArray[np.uint8], at: int, apart: int) -> bool:
    """Tell whether a byte equals the one `apart` before it, blank stretches left out."""
    here = buffer[at]
    return here == buffer[at - apart] and (here > 32 or (apart > 1 and buffer[at - 1] > 32))


@njit(cache=True, nogil=True)
def _longest_run(buffer: NDArray[np.uint8], start: int, stop: int) -> int:
    """Return the bytes of the longest run with a period of one to four bytes.

    Only every 16th byte is tried and its surroundings searched when it fits, so shorter runs may be missed.
    """
    longest = 0
    for apart in range(1, _APART + 1):
        at = start + _STRIDE
        while at < stop:
            if not (_same(buffer, at, apart) and _same(buffer, at - 1, apart)):
                at += _STRIDE
                continue
            begin = at - 1
            while begin - 1 >= start + apart and at - begin < 2 * _STRIDE and _same(buffer, begin - 1, apart):
                begin -= 1
            while at < stop and _same(buffer, at, apart):
                at += 1
            longest = max(longest, at - begin)
            at += _STRIDE
    return longest


@njit(cache=True, nogil=True)
def measure_repetition(
    buffer: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ids: NDArray[np.uint32],
    begins: NDArray[np.int32],
    ends: NDArray[np.int32],
    offsets: NDArray[np.int64],
    sentence_ends: NDArray[np.int32],
    sentence_offsets: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Measure how much of each text repeats what came before; shape (n, REPETITION), see there.

    A loop is a stretch whose every word equals the word one period earlier, two periods and six words
    long at least; the period is the distance to the last place of the same three words.
    """
    texts = starts.shape[0] - 1
    out = np.zeros((texts, REPETITION), dtype=np.int64)
    most = 1
    for text in range(texts):
        most = max(most, offsets[text + 1] - offsets[text])
    size = 16
    while size < 2 * most:
        size *= 2
    slots = np.zeros(size, dtype=np.uint64)  # text + 1, then the hash of three words, in one number
    places = np.empty(size, dtype=np.int64)
    whole = np.zeros(size, dtype=np.uint64)
    for text in range(texts):
        first, last = offsets[text], offsets[text + 1]
        row = out[text]
        row[0] = last - first
        row[6] = starts[text + 1] - starts[text]
        room = 16
        while room < 2 * (last - first):
            room *= 2
        mask = np.uint64(room - 1)
        owner = np.uint64(text + 1) << np.uint64(32)
        period, run, longest = np.int64(0), np.int64(0), np.int64(0)
        for at in range(first + 2, last):
            value = ids[at]
            value = np.uint32((value ^ (ids[at - 1] * np.uint32(0x9E3779B1))) * FNV_PRIME)
            value = np.uint32((value ^ (ids[at - 2] * np.uint32(0x85EBCA77))) * FNV_PRIME)
            entry = owner | np.uint64(value)
            slot = np.uint64(value ^ (value >> np.uint32(15))) & mask
            while slots[slot] != entry and slots[slot] >> np.uint64(32) == np.uint64(text + 1):
                slot = (slot + np.uint64(1)) & mask
            seen = slots[slot] == entry
            if period > 0 and ids[at] == ids[at - period]:
                run += 1
            else:
                if run >= 2 * period and run >= _LOOP_WORDS:
                    row[1] += run
                    row[2] = max(row[2], run // period)
                    if run > longest:
                        longest = run
                        row[7], row[8] = begins[at - run], ends[at - 1]
                period, run = np.int64(0), np.int64(0)
                if seen:
                    period = at - places[slot]
                    run = np.int64(3)
            row[3] += 1 if seen else 0
            slots[slot] = entry
            places[slot] = at
        if period > 0 and run >= 2 * period and run >= _LOOP_WORDS:
            row[1] += run
            row[2] = max(row[2], run // period)
            if run > longest:
                longest = run
                row[7], row[8] = begins[last - run], ends[last - 1]

        at = first
        for sentence in range(sentence_offsets[text], sentence_offsets[text + 1]):
            end = sentence_ends[sentence]
            begin = at
            value = FNV_OFFSET
            while at < last and begins[at] < end:
                value = np.uint32((value ^ ids[at]) * FNV_PRIME)
                at += 1
            if at - begin < _SENTENCE_WORDS:
                continue
            entry = owner | np.uint64(value)
            slot = np.uint64(value ^ (value >> np.uint32(15))) & mask
            while whole[slot] != entry and whole[slot] >> np.uint64(32) == np.uint64(text + 1):
                slot = (slot + np.uint64(1)) & mask
            if whole[slot] == entry:
                row[4] += at - begin
                if row[8] == 0:
                    row[7], row[8] = begins[begin], ends[at - 1]
            whole[slot] = entry

        row[5] = _longest_run(buffer, starts[text], starts[text + 1])
    return out


@njit(cache=True, nogil=True)
def measure_order(
    ids: NDArray[np.uint32],
    stems: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    begins: NDArray[np.int32],
    offsets: NDArray[np.int64],
    sentence_ends: NDArray[np.int32],
    sentence_offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
) -> NDArray[np.int64]:
    """Measure signs of the order of sentences; shape (n, ORDER), see there."""
    texts = offsets.shape[0] - 1
    out = np.zeros((texts, ORDER), dtype=np.int64)
    most = 1
    for text in range(texts):
        most = max(most, offsets[text + 1] - offsets[text])
    size = 16
    while size < 2 * most:
        size *= 2
    slots = np.zeros(size, dtype=np.uint64)
    places = np.empty(size, dtype=np.int64)
    for text in range(texts):
        row = out[text]
        at, last = offsets[text], offsets[text + 1]
        room = 16
        while room < 2 * (last - at):
            room *= 2
        mask = np.uint64(room - 1)
        owner = np.uint64(text + 1) << np.uint64(32)
        count = sentence_offsets[text + 1] - sentence_offsets[text]
        row[0] = count
        for number in range(count):
            end = sentence_ends[sentence_offsets[text] + number]
            first = at
            while at < last and begins[at] < end:
                if at - first < 2:
                    kind = np.int64(look_up(keys, classes, ids[at]))
                    # A leading "in" or "i" is told by the word after it.
                    if kind > 0 and (at == first or kind == CLOSER):
                        if number == 0:
                            row[kind] = 1
                        elif number == count - 1:
                            row[kind + 8] = 1
                        else:
                            row[kind + 4] += 1
                if not kinds[at] & 1:
                    entry = owner | np.uint64(stems[at])
                    slot = np.uint64(stems[at] ^ (stems[at] >> np.uint32(15))) & mask
                    while slots[slot] != entry and slots[slot] >> np.uint64(32) == np.uint64(text + 1):
                        slot = (slot + np.uint64(1)) & mask
                    if slots[slot] == entry and places[slot] < number:
                        row[13] += 1
                        row[14] += 1 if places[slot] == number - 1 else 0
                        row[15] += 1 if places[slot] == 0 else 0
                    slots[slot] = entry
                    places[slot] = number
                at += 1
    return out


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
    """Tell whether a word has a digit between letters or a capital after a small letter."""
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
    """Measure how much of each text looks like broken characters; shape (n, NOISE), see there.

    `rows` tells for each word its row in the table of known words, negative when it has none. Blocks
    between lines of three backticks are code and are left out.
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
    """Tell a paragraph 0, an item of a list 1, a heading 2, a row of a table 3."""
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
    """Measure how each text ends and what it leaves open; shape (n, ENDINGS), see there."""
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
    """Count the bytes of letters of each script in each text; shape (n, SCRIPTS), see there."""
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
