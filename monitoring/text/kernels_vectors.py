"""Compiled passes that look up words in a table of vectors, pool them, and compare two texts.

Every pass is linear in the words or bytes of its texts and releases the interpreter lock.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.text.kernels import FNV_OFFSET, FNV_PRIME

__all__ = [
    "FREE",
    "align_texts",
    "average_shares",
    "find_rows",
    "measure_overlap",
    "pool_words",
    "share_known",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ids = NDArray[np.uint32]
Offsets = NDArray[np.int64]
Positions = NDArray[np.int32]
Rows = NDArray[np.int32]
Slots = NDArray[np.uint64]

FREE = np.uint64(0xFFFFFFFFFFFFFFFF)

# An unknown word gets the vector of its beginning, if that is a known word of at least this many
# letters and three fifths of the word: "orchestra's", "meatballs", "retweeting".
_SHORTEST_STEM = 4
_LONGEST_WORD = 40
# The number of runs of words per text in an alignment.
_RUNS = 24
_TOGETHER = 4


@njit(cache=True, nogil=True, inline="always")
def _find(slots: Slots, word: np.uint32) -> int:
    mask = slots.shape[0] - 1
    slot = np.int64(word) & mask
    while slots[slot] != FREE:
        if np.uint32(slots[slot] >> np.uint64(32)) == word:
            return int(np.uint32(slots[slot]))
        slot = (slot + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def find_rows(
    words: Ids,
    begins: Positions,
    ends: Positions,
    buffer: Bytes,
    slots: Slots,
    ids: Ids,
    bases: Rows,
    information: Floats,
    unknown: np.float32,
) -> tuple[Rows, Ids, Floats]:
    """Return each word's row in the table, the hash of its base form, and its information.

    `slots` is an open-addressing table with a power of two of entries. An entry holds a word's hash
    in the upper 32 bits and its row in the lower, or FREE. The row is -1 if neither the word nor
    its stem is known.
    """
    count = words.shape[0]
    rows = np.empty(count, dtype=np.int32)
    keys = np.empty(count, dtype=np.uint32)
    informed = np.empty(count, dtype=np.float32)
    for at in range(count):
        row = _find(slots, words[at])
        informed[at] = information[row] if row >= 0 else unknown
        length = ends[at] - begins[at]
        if row < 0 and _SHORTEST_STEM < length <= _LONGEST_WORD:
            value = FNV_OFFSET
            for k in range(length - 1):
                byte = buffer[begins[at] + k]
                if byte >= 0x80:
                    break
                if 65 <= byte <= 90:
                    byte = np.uint8(byte + 32)
                value = np.uint32((value ^ np.uint32(byte)) * FNV_PRIME)
                if k + 1 >= _SHORTEST_STEM and 5 * (k + 1) >= 3 * length:
                    found = _find(slots, value)
                    if found >= 0:
                        row = found
        rows[at] = row
        keys[at] = ids[bases[row]] if row >= 0 else words[at]
    return rows, keys, informed


@njit(cache=True, nogil=True)
def share_known(rows: Rows, offsets: Offsets) -> Floats:
    """Return each text's share of words that have a row, or 0 if it has no words."""
    texts = offsets.shape[0] - 1
    shares = np.zeros(texts, dtype=np.float32)
    for text in range(texts):
        known = 0
        for at in range(offsets[text], offsets[text + 1]):
            known += rows[at] >= 0
        if known:
            shares[text] = known / (offsets[text + 1] - offsets[text])
    return shares


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _add_unknown(total: Floats, word: np.uint32, unknown: np.float32) -> None:
    """Add signs drawn from the word's hash: such a word resembles itself and no other."""
    width = total.shape[0]
    step = unknown / np.sqrt(np.float32(width))
    state = word | np.uint32(1)
    for block in range(width // 32):
        state = np.uint32(state ^ np.uint32(state << np.uint32(13)))
        state = np.uint32(state ^ (state >> np.uint32(17)))
        state = np.uint32(state ^ np.uint32(state << np.uint32(5)))
        bits = np.uint32(state * np.uint32(0x9E3779B1))
        for k in range(32):
            total[32 * block + k] += step * np.float32(np.int32((bits >> np.uint32(k)) & 1) * 2 - 1)


@njit(cache=True, nogil=True, fastmath=True)
def _add_words(
    total: Floats,
    words: Ids,
    rows: Rows,
    begin: int,
    end: int,
    vectors: NDArray[np.int8],
    weights: Floats,
    unknown: np.float32,
) -> None:
    """Add the weighted vectors of words begin..end - 1 to `total`.

    They are added four at a time, which costs half as much as one by one.
    """
    width = total.shape[0]
    held = np.empty(_TOGETHER, dtype=np.int64)
    count = 0
    for at in range(begin, end):
        row = rows[at]
        if row < 0:
            _add_unknown(total, words[at], unknown)
        elif weights[row] > 0.0:
            held[count] = row
            count += 1
            if count == _TOGETHER:
                count = 0
                a, b, c, d = held[0], held[1], held[2], held[3]
                of_a, of_b, of_c, of_d = weights[a], weights[b], weights[c], weights[d]
                one, two, three, four = vectors[a], vectors[b], vectors[c], vectors[d]
                for k in range(width):
                    total[k] += (of_a * np.float32(one[k]) + of_b * np.float32(two[k])) + (
                        of_c * np.float32(three[k]) + of_d * np.float32(four[k])
                    )
    for at in range(count):
        weight = weights[held[at]]
        vector = vectors[held[at]]
        for k in range(width):
            total[k] += weight * np.float32(vector[k])


@njit(cache=True, nogil=True, fastmath=True)
def _scale_to_one(total: Floats) -> float:
    square = np.float32(0.0)
    for k in range(total.shape[0]):
        square += total[k] * total[k]
    if square <= 0.0:
        return 0.0
    scale = np.float32(1.0) / np.sqrt(square)
    for k in range(total.shape[0]):
        total[k] *= scale
    return float(square)


@njit(cache=True, nogil=True, fastmath=True)
def pool_words(
    words: Ids,
    rows: Rows,
    offsets: Offsets,
    vectors: NDArray[np.int8],
    weights: Floats,
    unknown: np.float32,
) -> Floats:
    """Sum the weighted vectors of each text's words and scale it to length 1, or 0 without words.

    `weights` holds one factor per row of the table, and rows of weight 0 cost nothing. Words
    without a row count with the weight `unknown` and with signs drawn from their hash. The width is
    a multiple of 32.
    """
    texts = offsets.shape[0] - 1
    pooled = np.empty((texts, vectors.shape[1]), dtype=np.float32)
    total = np.empty(vectors.shape[1], dtype=np.float32)
    for text in range(texts):
        total[:] = 0.0
        _add_words(total, words, rows, offsets[text], offsets[text + 1], vectors, weights, unknown)
        _scale_to_one(total)
        pooled[text] = total
    return pooled


@njit(cache=True, nogil=True, fastmath=True)
def _fill_runs(
    runs: Floats,
    masses: Floats,
    text: tuple[Ids, Rows, Floats],
    begin: int,
    end: int,
    vectors: NDArray[np.int8],
    weights: Floats,
    unknown: np.float32,
) -> int:
    length = -(-(end - begin) // runs.shape[0])
    count = 0
    at = begin
    while at < end:
        runs[count, :] = 0.0
        masses[count] = 0.0
        stop = min(at + length, end)
        _add_words(runs[count], text[0], text[1], at, stop, vectors, weights, unknown)
        for word in range(at, stop):
            masses[count] += text[2][word]
        if _scale_to_one(runs[count]) > 0.0:
            count += 1
        at += length
    return count


@njit(cache=True, nogil=True, fastmath=True)
def align_texts(
    first: tuple[Ids, Rows, Floats],
    first_offsets: Offsets,
    second: tuple[Ids, Rows, Floats],
    second_offsets: Offsets,
    vectors: NDArray[np.int8],
    weights: Floats,
    unknown: np.float32,
) -> Floats:
    """Return how well the words of two paired texts find a partner of like meaning, 0..1.

    Each text is cut into at most 24 runs of equally many words, which are single words in a short
    text. The partner of a run is the run of the other text with the highest cosine. The result is
    the mean over the runs of both texts, weighted by the information of their words; it is
    symmetric. A text is (word hashes, rows, information).
    """
    texts = first_offsets.shape[0] - 1
    width = vectors.shape[1]
    aligned = np.zeros(texts, dtype=np.float32)
    one = np.empty((_RUNS, width), dtype=np.float32)
    two = np.empty((_RUNS, width), dtype=np.float32)
    mass_one = np.empty(_RUNS, dtype=np.float32)
    mass_two = np.empty(_RUNS, dtype=np.float32)
    best = np.empty(_RUNS, dtype=np.float32)
    for text in range(texts):
        rows = _fill_runs(
            one, mass_one, first, first_offsets[text], first_offsets[text + 1], vectors, weights, unknown
        )
        columns = _fill_runs(
            two, mass_two, second, second_offsets[text], second_offsets[text + 1], vectors, weights, unknown
        )
        best[:] = 0.0
        found = np.float32(0.0)
        total = np.float32(0.0)
        for row in range(rows):
            highest = np.float32(0.0)
            for column in range(columns):
                cosine = np.float32(0.0)
                for k in range(width):
                    cosine += one[row, k] * two[column, k]
                highest = max(highest, cosine)
                best[column] = max(best[column], cosine)
            found += highest * mass_one[row]
            total += mass_one[row]
        for column in range(columns):
            found += best[column] * mass_two[column]
            total += mass_two[column]
        if total > 0.0:
            aligned[text] = min(found / total, np.float32(1.0))
    return aligned


@njit(cache=True, nogil=True)
def measure_overlap(
    first_keys: Ids,
    first_weights: Floats,
    first_offsets: Offsets,
    second_keys: Ids,
    second_weights: Floats,
    second_offsets: Offsets,
) -> tuple[Floats, Floats, Floats]:
    """Compare the distinct words of paired texts by weight.

    Returns three shares of the words that the texts have in common: of the weight of the first
    text's words, of that of the second's, and of that of both. A share is 0 without any weight.
    """
    texts = first_offsets.shape[0] - 1
    of_first = np.zeros(texts, dtype=np.float32)
    of_second = np.zeros(texts, dtype=np.float32)
    of_both = np.zeros(texts, dtype=np.float32)
    measured = np.zeros(4, dtype=np.float32)
    most = 1
    for text in range(texts):
        count = (
            first_offsets[text + 1] - first_offsets[text] + second_offsets[text + 1] - second_offsets[text]
        )
        most = max(most, count)
    size = 2
    while size < 2 * most:
        size *= 2
    keys = np.empty(size, dtype=np.uint32)
    weights = np.empty(size, dtype=np.float32)
    stamps = np.zeros(size, dtype=np.int32)
    for text in range(texts):
        in_first = 2 * text + 1
        in_second = 2 * text + 2
        measured[:] = 0
        count = (
            first_offsets[text + 1] - first_offsets[text] + second_offsets[text + 1] - second_offsets[text]
        )
        room = 2
        while room < 2 * count:
            room *= 2
        mask = room - 1
        for at in range(first_offsets[text], first_offsets[text + 1]):
            slot = np.int64(first_keys[at]) & mask
            while stamps[slot] >= in_first and keys[slot] != first_keys[at]:
                slot = (slot + 1) & mask
            if stamps[slot] < in_first:
                stamps[slot] = in_first
                keys[slot] = first_keys[at]
                weights[slot] = first_weights[at]
                measured[0] += first_weights[at]
        for at in range(second_offsets[text], second_offsets[text + 1]):
            slot = np.int64(second_keys[at]) & mask
            while stamps[slot] >= in_first and keys[slot] != second_keys[at]:
                slot = (slot + 1) & mask
            if stamps[slot] == in_second:
                continue
            if stamps[slot] == in_first:
                measured[2] += weights[slot]
                measured[3] += second_weights[at]
            stamps[slot] = in_second
            keys[slot] = second_keys[at]
            measured[1] += second_weights[at]
        if measured[0] > 0:
            of_first[text] = measured[2] / measured[0]
        if measured[1] > 0:
            of_second[text] = measured[3] / measured[1]
        if measured[0] + measured[1] > 0:
            of_both[text] = (measured[2] + measured[3]) / (measured[0] + measured[1])
    return of_first, of_second, of_both


@njit(cache=True, nogil=True)
def average_shares(
    rows: Rows, offsets: Offsets, shares: Bytes, weights: Floats, limit: int
) -> tuple[Floats, Floats]:
    """Average the rows of `shares` (0..255 for 0..1) over the first `limit` words of each text.

    Words count by their weight. Returns the averages, 0 if no word has weight, and the total
    weights of the texts.
    """
    texts = offsets.shape[0] - 1
    width = shares.shape[1]
    averages = np.zeros((texts, width), dtype=np.float32)
    masses = np.zeros(texts, dtype=np.float32)
    for text in range(texts):
        for at in range(offsets[text], min(offsets[text + 1], offsets[text] + limit)):
            row = rows[at]
            if row >= 0 and weights[row] > 0.0:
                masses[text] += weights[row]
                for k in range(width):
                    averages[text, k] += weights[row] * shares[row, k]
        if masses[text] > 0.0:
            for k in range(width):
                averages[text, k] /= np.float32(255.0) * masses[text]
    return averages, masses
