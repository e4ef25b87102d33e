"""Compiled steps from measurements of a response to the signs of degeneration.

The steps return the features of the signs, and the parts of a response.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.signals.kernels_characters import END_CLASSES, SCRIPTS

__all__ = [
    "PARTS",
    "describe_disorder",
    "describe_noise",
    "describe_repetition",
    "describe_truncation",
    "judge",
    "weigh_parts",
]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# Columns of weigh_parts: repetition, truncation, noise, format, language mix, consistency, order.
PARTS = 7

_MOST_BREAKS, _MOST_LOGGED_REPEATS, _MOST_LOGGED_BYTES, _LONGEST_SHARE = 3.0, 3.0, 6.0, 2.0
_LINE_KINDS = 4
_JOINING, _THAI, _GREEK = 4, 6, 1
# 2026-11-23, rules: what is left of a part when they fire. Order is too weak a sign to judge by:
# at most a fifth is taken off for it.
_OPEN_CODE, _DISORDER = 0.4, 0.2
# The same few characters over and over, without words that a loop could be made of.
_ONE_RUN, _RUN_BYTES, _RUN_SHARE = 0.1, 60, 0.4
# Fewer words than these may well be a title, a name or a class: they need no full stop.
_SENTENCE_WORDS = 12
_FEWEST_WORDS = 3
_FOREIGN_SHARE, _FOREIGN_BYTES, _GREEK_SHARE = 0.05, 30, 0.2


@njit(cache=True, nogil=True)
def judge(features: Floats, weights: Floats, bias: float) -> Floats:
    """Return for each row of features the probability, 0..1, of a logistic model."""
    found = np.empty(features.shape[0], dtype=np.float64)
    for row in range(features.shape[0]):
        odds = bias
        for column in range(weights.shape[0]):
            odds += features[row, column] * weights[column]
        found[row] = 1.0 / (1.0 + math.exp(-min(max(odds, -30.0), 30.0)))
    return found


@njit(cache=True, nogil=True)
def describe_repetition(measured: Counts) -> Floats:
    """Return the features of loops, shape (n, 5), from `kernels_coherence.measure_repetition`."""
    out = np.empty((measured.shape[0], 5), dtype=np.float64)
    for text in range(measured.shape[0]):
        row = measured[text]
        count = float(max(row[0], 1))
        out[text, 0] = row[1] / count
        out[text, 1] = min(math.log1p(row[2]), _MOST_LOGGED_REPEATS)
        out[text, 2] = max(row[3] / count - 0.1, 0.0)
        out[text, 3] = row[4] / count
        out[text, 4] = row[5] / float(max(row[6], 20))
    return out


@njit(cache=True, nogil=True)
def describe_truncation(
    ends: Floats, offsets: Counts, rows: NDArray[np.int32], kinds: NDArray[np.uint8]
) -> Floats:
    """Return the features of a missing end, from `kernels_characters.measure_endings`.

    `rows` gives for each word its row in the table of known words, and `kinds` whether it is a stop
    word.
    """
    texts = ends.shape[0]
    out = np.zeros((texts, END_CLASSES + 4 + _LINE_KINDS + 6), dtype=np.float64)
    for text in range(texts):
        row = ends[text]
        last = int(row[0])
        out[text, last] = 1.0
        at = END_CLASSES
        out[text, at] = row[1]
        out[text, at + 1] = min(row[2], _MOST_BREAKS)
        out[text, at + 2] = row[3]
        out[text, at + 3] = row[4]
        if not (last == 5 or last == 6 or last == 7 or last == 9):
            continue
        at += 4
        out[text, at + int(row[5])] = 1.0
        at += _LINE_KINDS
        out[text, at] = (row[7] + 1.0) / (row[6] + 1.5)
        out[text, at + 1] = (row[9] + 1.0) / (row[8] + 1.5)
        out[text, at + 2] = min(row[10] / max(row[11], 1.0), _LONGEST_SHARE)
        out[text, at + 3] = min(math.log1p(row[10]), _MOST_LOGGED_BYTES)
        if offsets[text + 1] > offsets[text]:
            word = offsets[text + 1] - 1
            out[text, at + 4] = 1.0 if rows[word] < 0 else 0.0
            out[text, at + 5] = float(kinds[word] & 1)
    return out


@njit(cache=True, nogil=True)
def describe_noise(measured: Counts, starts: Counts) -> Floats:
    """Return the features of broken characters, shape (n, 5).

    The measurements are those of `kernels_characters.measure_noise`.
    """
    out = np.empty((measured.shape[0], 5), dtype=np.float64)
    for text in range(measured.shape[0]):
        row = measured[text]
        unknown = row[1] / (row[0] + 5.0)
        breaks = row[3] / (row[0] + row[2] + 5.0)
        out[text, 0] = unknown
        out[text, 1] = math.sqrt(unknown)
        out[text, 2] = breaks
        out[text, 3] = math.sqrt(breaks)
        out[text, 4] = math.sqrt(row[5] / float(max(starts[text + 1] - starts[text], 20)))
    return out


@njit(cache=True, nogil=True)
def describe_disorder(measured: Counts) -> Floats:
    """Return the features of disorder, shape (n, 15), which are 0 for one sentence.

    The measurements are those of `kernels_coherence.measure_order`.
    """
    out = np.zeros((measured.shape[0], 15), dtype=np.float64)
    for text in range(measured.shape[0]):
        row = measured[text]
        if row[0] <= 1:
            continue
        for column in range(4):
            out[text, column] = row[1 + column]
            out[text, 4 + column] = row[5 + column] / row[0]
            out[text, 8 + column] = row[9 + column]
        out[text, 12] = row[14] / (row[13] + 4.0)
        out[text, 13] = row[15] / (row[13] + 4.0)
        out[text, 14] = 1.0 / row[0]
    return out


@njit(cache=True, nogil=True, inline="always")
def _may_end_bare(row: Floats, words: int, letters: Counts) -> bool:
    """Tell whether a response need not end like a sentence.

    These are single lines of few words, plain lists of items without full stops after one line of
    introduction at most, and Thai, which has no full stop.
    """
    total = 0
    for script in range(SCRIPTS):
        total += letters[script]
    if letters[_THAI] * 2 > total:
        return True
    few = words < _SENTENCE_WORDS and row[6] == 0
    listed = row[5] == 1 and row[8] > 1 and row[9] == 0 and row[8] >= row[6] - 1
    return bool((few or listed) and row[0] != _JOINING)


@njit(cache=True, nogil=True, inline="always")
def _foreign_script(letters: Counts) -> int:
    """Return the script of which a text that is mostly in another one holds many letters, or -1.

    Names and code are Latin everywhere, and a few Greek letters are formulas.
    """
    total = 0
    main = 0
    for script in range(SCRIPTS):
        total += letters[script]
        if letters[script] > letters[main]:
            main = script
    total = max(total, 1)
    found = 0
    most = 0
    for script in range(1, SCRIPTS):
        if script == main or (script == _GREEK and letters[script] < _GREEK_SHARE * total):
            continue
        if letters[script] > most:
            found, most = script, letters[script]
    return found if most >= _FOREIGN_BYTES and most >= _FOREIGN_SHARE * total else -1


@njit(cache=True, nogil=True)
def weigh_parts(
    repeated: Floats,
    truncated: Floats,
    noisy: Floats,
    disordered: Floats,
    repetition: Counts,
    ends: Floats,
    scripts: Counts,
    counts: Counts,
    readable: NDArray[np.bool_],
) -> tuple[Floats, Counts]:
    """Return the parts of each response, shape (n, PARTS), and a script that may be foreign in it.

    A part of 1 is good. The script is -1 where none may be foreign. The first four arguments are
    the probabilities of the signs. `counts` are the words of the responses, and `readable` tells
    whether the words of a response can be known at all.
    """
    texts = counts.shape[0]
    parts = np.ones((texts, PARTS), dtype=np.float64)
    foreign = np.empty(texts, dtype=np.int64)
    for text in range(texts):
        run, size = repetition[text, 5], repetition[text, 6]
        mostly_run = run >= _RUN_BYTES and run >= _RUN_SHARE * size
        parts[text, 0] = _ONE_RUN if mostly_run else 1.0 - repeated[text]
        if not _may_end_bare(ends[text], counts[text], scripts[text]):
            parts[text, 1] = 1.0 - truncated[text]
        if counts[text] >= _FEWEST_WORDS and readable[text]:
            parts[text, 2] = 1.0 - noisy[text]
        if ends[text, 1] > 0:
            parts[text, 3] = _OPEN_CODE
        parts[text, 6] = 1.0 - _DISORDER * disordered[text]
        foreign[text] = _foreign_script(scripts[text])
    return parts, foreign
