"""Compiled steps from the counts of `kernels_support` to features of texts and to a probability."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.signals import kernels_support as support

__all__ = ["count_said", "describe_counts", "judge"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]
Offsets = NDArray[np.int64]

_PRIOR = 1.0  # a known word that every text is given, so that one new word alone is not all of it
_FEWEST = 0.01  # a smaller share says no less
_SAME = 1 / 3  # a sentence with a smaller share of new words says what the source says

_FEATURES = support.FEATURES
_CONTENT, _NOVEL_CONTENT, _UNPROMPTED = support.CONTENT, support.NOVEL_CONTENT, support.UNPROMPTED
_BIGRAMS, _NOVEL_BIGRAMS = support.BIGRAMS, support.NOVEL_BIGRAMS
_TRIGRAMS, _NOVEL_TRIGRAMS = support.TRIGRAMS, support.NOVEL_TRIGRAMS
_PAIRS, _NOVEL_PAIRS = support.CONTENT_PAIRS, support.NOVEL_CONTENT_PAIRS
_NUMBERS, _NOVEL_NUMBERS = support.NUMBERS, support.NOVEL_NUMBERS
_NAMES, _NOVEL_NAMES, _POLARITY = support.NAMES, support.NOVEL_NAMES, support.POLARITY


@njit(cache=True, nogil=True)
def judge(features: Floats, mean: Floats, scale: Floats, weights: Floats, bias: float) -> Floats:
    """Return for each row of features the probability, 0..1, of a logistic model.

    The model standardises the features by `mean` and `scale`.
    """
    found = np.empty(features.shape[0], dtype=np.float64)
    for row in range(features.shape[0]):
        odds = bias
        for column in range(weights.shape[0]):
            odds += (features[row, column] - mean[column]) / scale[column] * weights[column]
        found[row] = 1.0 / (1.0 + math.exp(-min(max(odds, -30.0), 30.0)))
    return found


@njit(cache=True, nogil=True)
def describe_counts(counts: Counts, offsets: Offsets) -> Floats:
    """Return the features of texts, shape (n, 15).

    Text i is made of the sentences `offsets[i]:offsets[i + 1]`.
    """
    texts = offsets.shape[0] - 1
    out = np.zeros((texts, _FEATURES), dtype=np.float64)
    sums = np.zeros(_FEATURES, dtype=np.float64)
    for text in range(texts):
        if offsets[text + 1] <= offsets[text]:
            continue
        sums[:] = 0
        contradicts = False
        for sentence in range(offsets[text], offsets[text + 1]):
            said = counts[sentence]
            for column in range(_FEATURES):
                sums[column] += said[column]
            alike = said[_CONTENT] > 0 and said[_NOVEL_CONTENT] < _SAME * said[_CONTENT]
            contradicts |= alike and said[_NOVEL_NUMBERS] > 0
        row = out[text]
        row[0] = sums[_NOVEL_CONTENT] / (sums[_CONTENT] + _PRIOR)
        row[1] = sums[_UNPROMPTED] / (sums[_CONTENT] + _PRIOR)
        row[2] = sums[_NOVEL_BIGRAMS] / (sums[_BIGRAMS] + _PRIOR)
        row[3] = sums[_NOVEL_TRIGRAMS] / (sums[_TRIGRAMS] + _PRIOR)
        row[4] = sums[_NOVEL_PAIRS] / (sums[_PAIRS] + _PRIOR)
        row[5] = sums[_NOVEL_NUMBERS] / (sums[_NUMBERS] + 1.0)
        row[6] = sums[_NOVEL_NAMES] / (sums[_NAMES] + 1.0)
        row[7] = sums[_POLARITY] / (sums[_PAIRS] + 1.0)
        for share in range(5):
            row[8 + share] = 1.0 - math.log(max(row[share], _FEWEST)) / math.log(_FEWEST)
        row[13] = 1.0 if sums[_NOVEL_NUMBERS] > 0 else 0.0
        row[14] = 1.0 if contradicts else 0.0
    return out


@njit(cache=True, nogil=True)
def count_said(counts: Counts, offsets: Offsets) -> Offsets:
    """Return the words of content and numbers of each text, by the counts of its sentences."""
    said = np.zeros(offsets.shape[0] - 1, dtype=np.int64)
    for text in range(said.shape[0]):
        for sentence in range(offsets[text], offsets[text + 1]):
            said[text] += counts[sentence, _CONTENT] + counts[sentence, _NUMBERS]
    return said
