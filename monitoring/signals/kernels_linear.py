"""The compiled pass of the linear models over hashed words and word pairs, for several heads.

A text is read in blocks of BLOCK words. A window is two neighbouring blocks (or the only block).
Its features are the distinct words and word pairs of each block. Its score per head is `bias +
scale * sum(weights) / sqrt(number of features + SMOOTHING)`. The score of a text is that of its
best window, so a short passage in a long text counts as much as it would alone.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.text.kernels_lexicon import look_up

__all__ = [
    "ABSORBED",
    "BLOCK",
    "BUCKETS",
    "SMOOTHING",
    "WORD_BITS",
    "hash_pair",
    "hash_word",
    "mask_word",
    "score_windows",
]

BLOCK = 32
# This is added to the number of features. One word alone then does not count as much as a whole
# text of such words.
SMOOTHING = 8
WORD_BITS = 18
BUCKETS = 2 << WORD_BITS  # words, then pairs

# Classes of the mask table. Words of class 1 and above stand for a group of people and are read as
# one token per class. ABSORBED words ("people", "person") say nothing directly after such a word.
ABSORBED = 255

_SHIFT = np.uint32(32 - WORD_BITS)
_PAIRS = np.uint32(1 << WORD_BITS)
_SPREAD = np.uint32(0x9E3779B1)  # 2^32 / golden ratio, Knuth's multiplicative hashing
_PAIR = np.uint32(0x85EBCA6B)
_SLOTS = 256  # over twice the 64 features of a block


@njit(cache=True, nogil=True, inline="always")
def hash_word(word: np.uint32) -> np.uint32:
    """Return the bucket of a word."""
    return np.uint32(np.uint32(word * _SPREAD) >> _SHIFT)


@njit(cache=True, nogil=True, inline="always")
def hash_pair(first: np.uint32, second: np.uint32) -> np.uint32:
    """Return the bucket of two words in a row."""
    mixed = np.uint32(np.uint32(first * _PAIR) ^ second)
    mixed = np.uint32((mixed ^ np.uint32(mixed >> np.uint32(15))) * _SPREAD)
    return np.uint32((mixed >> _SHIFT) + _PAIRS)


@njit(cache=True, nogil=True, inline="always")
def mask_word(word: np.uint32, kind: np.uint8) -> np.uint32:
    """Return the id under which a word is read: its mask class if it has one, else the word."""
    return np.uint32(kind) if kind != 0 and kind != ABSORBED else word


@njit(cache=True, nogil=True)
def score_windows(
    ids: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
    weights: NDArray[np.int8],
    scales: NDArray[np.float32],
    biases: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Score texts with every head.

    `weights` is [BUCKETS, heads], and `keys` and `classes` are the mask table. Returns the score of
    the best window [texts, heads] (NaN for a text without words), and the words of that window
    [texts, heads, 2], first and end.
    """
    texts = offsets.shape[0] - 1
    heads = weights.shape[1]
    best = np.full((texts, heads), np.nan, dtype=np.float32)
    spans = np.zeros((texts, heads, 2), dtype=np.int64)
    seen = np.zeros(_SLOTS, dtype=np.uint32)
    stamps = np.zeros(_SLOTS, dtype=np.int64)
    stamp = np.int64(0)
    now = np.zeros(heads, dtype=np.int32)
    before = np.zeros(heads, dtype=np.int32)
    for text in range(texts):
        first = offsets[text]
        stop = offsets[text + 1]
        previous = np.uint32(0)
        last_kind = np.uint8(0)
        begin = first
        begin_before = first
        filled = 0
        features = 0
        features_before = 0
        blocks = 0
        stamp += 1
        now[:] = 0
        before[:] = 0
        for at in range(first, stop):
            kind = look_up(keys, classes, ids[at])
            repeated = kind != 0 and last_kind != 0 and (kind == ABSORBED or kind == last_kind)
            if not repeated:
                word = mask_word(ids[at], kind)
                last_kind = np.uint8(0) if kind == ABSORBED else kind
                for pair in range(2):
                    if pair == 1 and at == first:
                        continue
                    bucket = hash_pair(previous, word) if pair == 1 else hash_word(word)
                    slot = np.int64(bucket) & (_SLOTS - 1)
                    while stamps[slot] == stamp and seen[slot] != bucket:
                        slot = (slot + 1) & (_SLOTS - 1)
                    if stamps[slot] != stamp:
                        stamps[slot] = stamp
                        seen[slot] = bucket
                        features += 1
                        for head in range(heads):
                            now[head] += weights[bucket, head]
                previous = word
                filled += 1
            if at + 1 == stop or filled == BLOCK:
                blocks += 1
                if blocks > 1 or at + 1 == stop:
                    length = np.sqrt(np.float32(features + features_before + SMOOTHING))
                    for head in range(heads):
                        total = np.float32(now[head] + before[head])
                        score = biases[head] + scales[head] * total / length
                        if not best[text, head] >= score:
                            best[text, head] = score
                            spans[text, head, 0] = begin_before
                            spans[text, head, 1] = at + 1
                for head in range(heads):
                    before[head] = now[head]
                    now[head] = 0
                features_before = features
                begin_before = begin
                begin = at + 1
                features = 0
                filled = 0
                stamp += 1
    return best, spans


@njit(cache=True, nogil=True)
def weigh_words(
    ids: NDArray[np.uint32],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
    weights: NDArray[np.int8],
    head: int,
) -> NDArray[np.int32]:
    """Return the weight of each word and of the pair that it ends, or 0 if it was absorbed."""
    result = np.zeros(ids.shape[0], dtype=np.int32)
    previous = np.uint32(0)
    last_kind = np.uint8(0)
    for at in range(ids.shape[0]):
        kind = look_up(keys, classes, ids[at])
        if kind != 0 and last_kind != 0 and (kind == ABSORBED or kind == last_kind):
            continue
        word = mask_word(ids[at], kind)
        last_kind = np.uint8(0) if kind == ABSORBED else kind
        result[at] = weights[hash_word(word), head]
        if at > 0:
            result[at] += weights[hash_pair(previous, word), head]
        previous = word
    return result
