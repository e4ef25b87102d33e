"""Compiled lookups of hashed words in small tables."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["classify_words", "count_classes", "look_up"]


@njit(cache=True, nogil=True, inline="always")
def look_up(keys: NDArray[np.uint32], classes: NDArray[np.uint8], word: np.uint32) -> np.uint8:
    """Return the class of a word in an open-addressing table (a power of two of slots), 0 if absent."""
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
