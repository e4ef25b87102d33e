"""Compiled lookups of hashed words in small tables."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["add_surety", "classify_words", "count_classes", "look_up"]


@njit(cache=True, nogil=True, inline="always")
def look_up(keys: NDArray[np.uint32], classes: NDArray[np.uint8], word: np.uint32) -> np.uint8:
    """Return the class of a word in an open-addressing table of 2^n slots, 0 if absent."""
    mask = keys.shape[0] - 1
    slot = np.int64(word) & mask
    while classes[slot] != 0:
        if keys[slot] == word:
            return np.uint8(classes[slot])
        slot = (slot + 1) & mask
    return np.uint8(0)


@njit(cache=True, nogil=True)
def count_classes(
    ids: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
    limit: int,
    width: int,
) -> NDArray[np.int32]:
    """Count, per text, the words of each class 0..width - 1 among its first `limit` words."""
    texts = offsets.shape[0] - 1
    counts = np.zeros((texts, width), dtype=np.int32)
    for text in range(texts):
        stop = min(offsets[text + 1], offsets[text] + limit)
        for at in range(offsets[text], stop):
            counts[text, look_up(keys, classes, ids[at])] += 1
    return counts


@njit(cache=True, nogil=True)
def classify_words(
    ids: NDArray[np.uint32], keys: NDArray[np.uint32], classes: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return the class of every word, 0 for those that the table does not hold."""
    result = np.empty(ids.shape[0], dtype=np.uint8)
    for at in range(ids.shape[0]):
        result[at] = look_up(keys, classes, ids[at])
    return result


@njit(cache=True, nogil=True)
def add_surety(
    ids: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
    surety: NDArray[np.float32],
    triggers: NDArray[np.bool_],
    most: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Add up, per text, the rows of `surety` [classes, columns] of its words.

    The row of one class counts at most `most` times. Returns the sums [texts, columns], and in
    ascending order the texts that have a word of a class that `triggers` marks.
    """
    texts = offsets.shape[0] - 1
    columns = surety.shape[1]
    totals = np.zeros((texts, columns), dtype=np.float32)
    triggered = np.empty(texts, dtype=np.int64)
    count = 0
    seen = np.zeros(surety.shape[0], dtype=np.int32)
    for text in range(texts):
        found = False
        any_class = False
        for at in range(offsets[text], offsets[text + 1]):
            kind = look_up(keys, classes, ids[at])
            if kind == 0:
                continue
            any_class = True
            found |= triggers[kind]
            seen[kind] += 1
        if found:
            triggered[count] = text
            count += 1
        if any_class:
            for row in range(1, seen.shape[0]):
                if seen[row]:
                    repeats = np.float32(min(seen[row], most))
                    for column in range(columns):
                        totals[text, column] += repeats * surety[row, column]
                    seen[row] = 0
    return totals, triggered[:count]
