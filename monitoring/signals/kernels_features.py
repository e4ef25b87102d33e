"""The compiled step from the counts of `kernels_style` to the features of `style`.

The logarithms of some features are still to be taken afterwards.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.signals import kernels_style as style
from monitoring.signals.kernels_characters import END_CLASSES

__all__ = ["describe_coverage", "describe_structure", "describe_wording"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_MOST_NEW, _MOST_TAKEN, _MOST_FIRST = np.float32(120), np.float32(20), np.float32(3)
_MOST_ITEMS, _MOST_FENCES, _MOST_OPEN, _MOST_ASKED = np.float32(5), np.float32(2), 3.0, np.float32(2)
# Added to what shares are taken of, so that short answers have no extreme ones.
_FEW_BYTES, _FEW_WORDS, _FEW_DISTINCT = np.float32(20), np.float32(10), np.float32(5)
_FARTHEST = 2.0
_ONE = np.float32(1)

_BYTES, _LINES, _BULLETS, _NUMBERED, _FENCES = (
    style.BYTES,
    style.LINES,
    style.BULLETS,
    style.NUMBERED,
    style.FENCES,
)
_CODE, _LISTED, _LONGEST, _DIGITS, _COMMAS = (
    style.CODE,
    style.LISTED,
    style.LONGEST,
    style.DIGITS,
    style.COMMAS,
)
_CAPITALS, _LETTERS = style.CAPITALS, style.LETTERS
_COUNT, _NEW, _TAKEN, _DISTINCT, _DISTINCT_FIRST = (
    style.COUNT,
    style.NEW,
    style.TAKEN,
    style.DISTINCT,
    style.DISTINCT_FIRST,
)
_LONG, _UNKNOWN, _INFORMATION = style.LONG, style.UNKNOWN, style.INFORMATION
_OPENS_TAKEN, _ENDS_TAKEN, _FIXED = style.OPENS_TAKEN, style.ENDS_TAKEN, style.FIXED
_CLASSES, _KINDS = style.CLASSES, style.KINDS
_FIRST, _LAST, _WINDOW = np.float32(style.FIRST), np.float32(style.LAST), np.float32(style.WINDOW)


@njit(cache=True, nogil=True)
def describe_structure(
    out: Floats,
    forms: Floats,
    words: Floats,
    asked: Floats,
    sentences: Ints,
    columns: Ints,
    most: Floats,
    listed: Ints,
    code: int,
) -> None:
    """Write the features of structure.

    `log1p` is still to be taken of the counted marks and of the words by line. `columns` of `forms`
    are counted up to `most`. `listed` and `code` are columns of `asked`, for kinds of prompts.
    `sentences` are the n + 1 offsets of the responses' sentences.
    """
    counted = columns.shape[0]
    kinds = listed.shape[0]
    for text in range(out.shape[0]):
        row, form = out[text], forms[text]
        for at in range(counted):
            row[at] = min(form[columns[at]], most[at])
        size = form[_BYTES] + _FEW_BYTES
        row[counted] = form[_CODE] / size
        row[counted + 1] = form[_LISTED] / size
        row[counted + 2] = form[_LONGEST] / size
        row[counted + 3] = form[_DIGITS] / size
        row[counted + 4] = form[_CAPITALS] / (form[_LETTERS] + _FEW_BYTES)
        count = words[text, _COUNT]
        row[counted + 5] = math.log1p(float(count) / float(max(sentences[text + 1] - sentences[text], 1)))
        row[counted + 6] = count / max(form[_LINES], _ONE)
        items = min(form[_BULLETS] + form[_NUMBERED], _MOST_ITEMS) / np.float32(10)
        for at in range(kinds):
            row[counted + 7 + at] = min(asked[text, listed[at]], _MOST_ASKED) * items
        fences = min(form[_FENCES], _MOST_FENCES) / _MOST_FENCES
        program = min(asked[text, code], _MOST_ASKED) / _MOST_ASKED
        at = counted + 7 + kinds
        row[at] = program * fences
        row[at + 1] = fences if program == 0 else np.float32(0)
        row[at + 2] = program * row[counted]


@njit(cache=True, nogil=True)
def describe_coverage(
    out: Floats,
    forms: Floats,
    words: Floats,
    asked: Floats,
    sentences: Ints,
    covered: Floats,
    echoed: Floats,
    shared: Floats,
    cosines: Floats,
) -> bool:
    """Write the features of coverage but for the last two.

    `log1p` is still to be taken of the first two features, and the logarithm of `items_short`.
    Returns whether any prompt asks for a number of something.
    """
    any_wanted = False
    for text in range(out.shape[0]):
        row = out[text]
        row[0] = min(words[text, _NEW], _MOST_NEW)
        row[1] = min(words[text, _TAKEN], _MOST_TAKEN)
        row[2] = covered[text]
        row[3] = echoed[text]
        row[4] = shared[text]
        row[5] = cosines[text]
        row[6] = words[text, _OPENS_TAKEN] / _FIRST
        row[7] = words[text, _ENDS_TAKEN] / _LAST
        row[8:13] = 0
        row[11] = 1
        number = asked[text, _KINDS + 1]
        if number <= 0:
            continue
        any_wanted = True
        if asked[text, _KINDS + 2] > 0:
            row[8] = _distance(float(words[text, _COUNT]), float(number))
        if asked[text, _KINDS + 3] > 0:
            row[9] = _distance(float(sentences[text + 1] - sentences[text]), float(number))
        if asked[text, asked.shape[1] - 1] > 0:
            items = forms[text, _BULLETS] + forms[text, _NUMBERED]
            row[10] = 1 if items == number else 0
            row[11] = (number + _ONE) / (items + _ONE)
            row[12] = 1 if items == 0 else 0
    return any_wanted


@njit(cache=True, nogil=True, inline="always")
def _distance(done: float, wanted: float) -> float:
    return min(abs(math.log((done + 1) / (wanted + 1))), _FARTHEST)


@njit(cache=True, nogil=True)
def describe_wording(
    out: Floats, forms: Floats, words: Floats, repetition: Ints, ends: NDArray[np.float64]
) -> None:
    """Write the features of wording; the logarithm is still to be taken of the distinct words."""
    for text in range(out.shape[0]):
        row, own, again = out[text], words[text], repetition[text]
        count = own[_COUNT]
        some = count + _FEW_WORDS
        row[0] = forms[text, _COMMAS] / some
        row[1] = own[_LONG] / some
        row[2] = own[_UNKNOWN] / some
        row[3] = own[_INFORMATION] / some
        row[4] = (own[_DISTINCT] + _FEW_DISTINCT) / (count + _FEW_DISTINCT)
        row[5] = (own[_DISTINCT_FIRST] + _FEW_DISTINCT) / (min(count, _WINDOW) + _FEW_DISTINCT)
        row[6] = float(again[3]) / float(some)
        row[7] = float(again[1]) / float(some)
        row[8] = float(again[4]) / float(some)
        row[9] = float(again[5]) / float(max(again[6], 20))
        for at in range(_CLASSES):
            row[10 + at] = np.sqrt(own[_FIXED + at] / some)
            row[10 + _CLASSES + at] = min(own[_FIXED + _CLASSES + at], _MOST_FIRST)
        first = 10 + 2 * _CLASSES
        for at in range(END_CLASSES):
            row[first + at] = 1 if ends[text, 0] == at else 0
        row[first + END_CLASSES] = ends[text, 1]
        row[first + END_CLASSES + 1] = min(ends[text, 2], _MOST_OPEN)
