"""Compiled measurements of the words of a text: repetition in loops, and disorder."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.text.kernels import FNV_OFFSET, FNV_PRIME
from monitoring.text.kernels_lexicon import look_up

__all__ = [
    "CLOSER",
    "LINKER",
    "OPENER",
    "ORDER",
    "POINTER",
    "REPETITION",
    "measure_order",
    "measure_repetition",
]

# The columns of measure_repetition, in this order:
#
# - words
# - words in loops
# - repeats of the longest loop
# - words that end three words which occurred before
# - words of sentences which occurred before
# - bytes of the longest run of one to four characters
# - all bytes
# - the first and the end byte of the longest loop, or else of a repeated sentence
REPETITION = 9
# The columns of measure_order, in this order:
#
# - sentences
# - for each class of leading words 1..4 (linking, pointing back, closing, opening): whether it
#   leads the first sentence, how many inner ones it leads, and whether it leads the last
# - content words that an earlier sentence holds
# - those of them that the sentence just before holds
# - those of them that the first sentence holds
ORDER = 16
LINKER, POINTER, CLOSER, OPENER = 1, 2, 3, 4

_LOOP_WORDS = 6  # a loop must hold this many words beyond its first round
_SENTENCE_WORDS = 4
_APART = 4
_STRIDE = 16


@njit(cache=True, nogil=True, inline="always")
def _same(buffer: NDArray[np.uint8], at: int, apart: int) -> bool:
    """Tell whether a byte equals the one `apart` bytes before it; blank stretches do not count."""
    here = buffer[at]
    return here == buffer[at - apart] and (here > 32 or (apart > 1 and buffer[at - 1] > 32))


@njit(cache=True, nogil=True)
def _longest_run(buffer: NDArray[np.uint8], start: int, stop: int) -> int:
    """Return the bytes of the longest run with a period of one to four bytes.

    Only every 16th byte is tried, and its surroundings are searched if it fits. Shorter runs may
    therefore be missed.
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
    """Measure how much of each text repeats what came before, shape (n, REPETITION).

    The comment at REPETITION names the columns. A loop is a stretch in which every word equals the
    word one period earlier. It is at least two periods and six words long. The period is the
    distance to the last place of the same three words.
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
    """Measure signs of the order of sentences, shape (n, ORDER).

    The comment at ORDER names the columns.
    """
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
                    # The second word counts only if it is a closing one, because "in" or "i" may
                    # stand before it.
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
