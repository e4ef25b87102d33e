"""Compiled passes that look words up in a table of vectors, pool them and compare two texts.

Every pass is linear in the words or bytes of its texts and releases the interpreter lock.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.kernels import FNV_OFFSET, FNV_PRIME

__all__ = ["compare_profiles", "find_rows", "measure_overlap", "pool_words", "share_known"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ids = NDArray[np.uint32]
Offsets = NDArray[np.int64]
Positions = NDArray[np.int32]
Rows = NDArray[np.int32]

# An unknown word borrows the vector of its beginning when that is a known word of at least this many
# letters and three fifths of it: "orchestra's", "meatballs", "retweeting".
_SHORTEST_STEM = 4
_LONGEST_WORD = 40
# Buckets of the character profile; a text of a few hundred words has about as many distinct trigrams.
_BUCKETS = 2048


@njit(cache=True, nogil=True, inline="always")
def _find(ids: Ids, slots: Rows, word: np.uint32) -> int:
    mask = slots.shape[0] - 1
    slot = np.int64(word) & mask
    while slots[slot] >= 0:
        row = slots[slot]
        if ids[row] == word:
            return int(row)
        slot = (slot + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def find_rows(
    words: Ids, begins: Positions, ends: Positions, buffer: Bytes, ids: Ids, slots: Rows
) -> tuple[Rows, NDArray[np.bool_]]:
    """Return each word's row in the table, -1 where unknown, and whether the whole word was found.

    `slots` is an open-addressing table of rows (a power of two of slots, -1 where free) over `ids`.
    """
    count = words.shape[0]
    rows = np.empty(count, dtype=np.int32)
    whole = np.empty(count, dtype=np.bool_)
    for at in range(count):
        row = _find(ids, slots, words[at])
        whole[at] = row >= 0
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
                    found = _find(ids, slots, value)
                    if found >= 0:
                        row = found
        rows[at] = row
    return rows, whole


@njit(cache=True, nogil=True)
def share_known(rows: Rows, offsets: Offsets) -> Floats:
    """Return each text's share of words that have a row, 0 where it has no words."""
    texts = offsets.shape[0] - 1
    shares = np.zeros(texts, dtype=np.float32)
    for text in range(texts):
        known = 0
        for at in range(offsets[text], offsets[text + 1]):
            known += rows[at] >= 0
        if known:
            shares[text] = known / (offsets[text + 1] - offsets[text])
    return shares


@njit(cache=True, nogil=True, fastmath=True)
def pool_words(rows: Rows, offsets: Offsets, vectors: NDArray[np.int8], weights: Floats) -> Floats:
    """Sum the weighted vectors of each text's words and scale the sum to length 1, or 0 without words.

    `weights` holds one factor per row of the table; rows of weight 0 cost nothing.
    """
    texts = offsets.shape[0] - 1
    width = vectors.shape[1]
    pooled = np.zeros((texts, width), dtype=np.float32)
    total = np.empty(width, dtype=np.float32)
    for text in range(texts):
        total[:] = 0.0
        for at in range(offsets[text], offsets[text + 1]):
            row = rows[at]
            if row >= 0 and weights[row] > 0.0:
                weight = weights[row]
                for k in range(width):
                    total[k] += weight * vectors[row, k]
        square = np.float32(0.0)
        for k in range(width):
            square += total[k] * total[k]
        if square > 0.0:
            scale = np.float32(1.0) / np.sqrt(square)
            for k in range(width):
                pooled[text, k] = total[k] * scale
    return pooled


@njit(cache=True, nogil=True)
def measure_overlap(
    first_keys: Ids,
    first_weights: Floats,
    first_offsets: Offsets,
    second_keys: Ids,
    second_weights: Floats,
    second_offsets: Offsets,
) -> Floats:
    """Compare the distinct words of paired texts by weight.

    Returns four columns: the weight of the first text's words, of the second's, and the weight of the
    words that both have, once by the first's weights and once by the second's.
    """
    texts = first_offsets.shape[0] - 1
    measured = np.zeros((texts, 4), dtype=np.float32)
    most = 1
    for text in range(texts):
        count = first_offsets[text + 1] - first_offsets[text] + second_offsets[text + 1] - second_offsets[text]
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
        count = first_offsets[text + 1] - first_offsets[text] + second_offsets[text + 1] - second_offsets[text]
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
                measured[text, 0] += first_weights[at]
        for at in range(second_offsets[text], second_offsets[text + 1]):
            slot = np.int64(second_keys[at]) & mask
            while stamps[slot] >= in_first and keys[slot] != second_keys[at]:
                slot = (slot + 1) & mask
            if stamps[slot] == in_second:
                continue
            if stamps[slot] == in_first:
                measured[text, 2] += weights[slot]
                measured[text, 3] += second_weights[at]
            stamps[slot] = in_second
            keys[slot] = second_keys[at]
            measured[text, 1] += second_weights[at]
    return measured


@njit(cache=True, nogil=True)
def _add_trigrams(
    profile: Floats, buffer: Bytes, begins: Positions, ends: Positions, weights: Floats, begin: int, end: int
) -> None:
    mask = np.uint32(profile.shape[0] - 1)
    for at in range(begin, end):
        weight = weights[at]
        before = np.uint32(32)
        middle = np.uint32(32)
        for position in range(begins[at], ends[at] + 1):
            byte = np.uint32(buffer[position]) if position < ends[at] else np.uint32(32)
            if 65 <= byte <= 90:
                byte = np.uint32(byte + 32)
            value = np.uint32((FNV_OFFSET ^ before) * FNV_PRIME)
            value = np.uint32((value ^ middle) * FNV_PRIME)
            value = np.uint32((value ^ byte) * FNV_PRIME)
            sign = np.float32(1.0) if value & np.uint32(0x80000000) else np.float32(-1.0)
            profile[(value >> np.uint32(11)) & mask] += sign * weight
            before = middle
            middle = byte


@njit(cache=True, nogil=True)
def compare_profiles(
    first: tuple[Bytes, Positions, Positions, Floats, Offsets],
    second: tuple[Bytes, Positions, Positions, Floats, Offsets],
) -> Floats:
    """Return the cosine of paired texts' character trigrams, each weighted by its word.

    A text is (buffer, word begins, word ends, word weights, word offsets). Trigrams are taken inside
    words with a blank at either end and hashed with a sign, so that collisions cancel on average.
    """
    texts = first[4].shape[0] - 1
    cosines = np.zeros(texts, dtype=np.float32)
    one = np.empty(_BUCKETS, dtype=np.float32)
    two = np.empty(_BUCKETS, dtype=np.float32)
    for text in range(texts):
        if first[4][text] == first[4][text + 1] or second[4][text] == second[4][text + 1]:
            continue
        one[:] = 0.0
        two[:] = 0.0
        _add_trigrams(one, first[0], first[1], first[2], first[3], first[4][text], first[4][text + 1])
        _add_trigrams(two, second[0], second[1], second[2], second[3], second[4][text], second[4][text + 1])
        product = 0.0
        square_one = 0.0
        square_two = 0.0
        for k in range(_BUCKETS):
            product += one[k] * two[k]
            square_one += one[k] * one[k]
            square_two += two[k] * two[k]
        if square_one > 0.0 and square_two > 0.0:
            cosines[text] = product / np.sqrt(square_one * square_two)
    return cosines
