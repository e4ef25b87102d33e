"""Compiled passes over prompts and responses: the kind of a question, and signs of its answer."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.text.kernels_lexicon import look_up

__all__ = [
    "NAME",
    "NUMBER",
    "OPEN",
    "POLAR",
    "classify_questions",
    "detect_signs",
    "take_heads",
    "weigh_columns",
]

Bytes = NDArray[np.uint8]
Ids = NDArray[np.uint32]
Offsets = NDArray[np.int64]
Positions = NDArray[np.int32]

# What a question asks for: a name, a number or date, yes or no, or anything else.
NAME, NUMBER, POLAR, OPEN = 1, 2, 3, 4
# Classes of words, in the order in which `monitoring/signals/responsiveness.py` lists them.
_WHO, _WHEN, _WHERE, _HOW, _WHAT, _MEASURE, _QUANTITY, _AUXILIARY, _NAMED, _WHY, _YES_NO, _COUNT = range(
    1, 13
)
# Questions are looked for in the first so many words. What follows is material to work on.
_QUESTION_WORDS = 30


@njit(cache=True, nogil=True)
def take_heads(ids: Ids, offsets: Offsets, limit: int) -> tuple[Ids, Offsets]:
    """Return the first `limit` words of each text and their offsets."""
    texts = offsets.shape[0] - 1
    starts = np.zeros(texts + 1, dtype=np.int64)
    for text in range(texts):
        starts[text + 1] = starts[text] + min(limit, offsets[text + 1] - offsets[text])
    taken = np.empty(starts[texts], dtype=np.uint32)
    for text in range(texts):
        for k in range(starts[text + 1] - starts[text]):
            taken[starts[text] + k] = ids[offsets[text] + k]
    return taken, starts


@njit(cache=True, nogil=True)
def classify_questions(ids: Ids, offsets: Offsets, keys: Ids, classes: Bytes) -> Bytes:
    """Return what the first question of each text asks for.

    The result is 0 if the first 30 words hold no question.
    """
    texts = offsets.shape[0] - 1
    kinds = np.zeros(texts, dtype=np.uint8)
    for text in range(texts):
        first = offsets[text]
        stop = min(offsets[text + 1], first + _QUESTION_WORDS)
        for at in range(first, stop):
            found = look_up(keys, classes, ids[at])
            if found == _AUXILIARY and at == first:
                kinds[text] = POLAR
                break
            if found in (_WHO, _WHERE):
                kinds[text] = NAME
            elif found == _WHEN:
                kinds[text] = NUMBER
            elif found == _WHY:
                kinds[text] = OPEN
            elif found == _HOW:
                measured = at + 1 < stop and look_up(keys, classes, ids[at + 1]) == _MEASURE
                kinds[text] = NUMBER if measured else OPEN
            elif found == _WHAT:
                kinds[text] = OPEN
                for near in range(at + 1, min(at + 4, stop)):
                    about = look_up(keys, classes, ids[near])
                    if about == _QUANTITY:
                        kinds[text] = NUMBER
                    elif about == _NAMED and kinds[text] == OPEN:
                        kinds[text] = NAME
            if kinds[text]:
                break
    return kinds


@njit(cache=True, nogil=True)
def _among(ids: Ids, begin: int, end: int, word: np.uint32) -> bool:
    found = False
    for at in range(begin, min(end, begin + _QUESTION_WORDS)):
        found |= ids[at] == word
    return found


@njit(cache=True, nogil=True)
def _opens_sentence(buffer: Bytes, begin: int, first: int) -> bool:
    at = begin - 1
    while at >= first and (buffer[at] == 32 or buffer[at] == 42 or buffer[at] == 34 or buffer[at] == 96):
        if begin - at > 8:
            return False
        at -= 1
    return at < first or buffer[at] in (10, 13, 33, 46, 58, 63)


@njit(cache=True, nogil=True)
def detect_signs(
    kinds: Bytes,
    prompt_ids: Ids,
    prompt_offsets: Offsets,
    buffer: Bytes,
    ids: Ids,
    begins: Positions,
    offsets: Offsets,
    keys: Ids,
    classes: Bytes,
) -> NDArray[np.float32]:
    """Return four columns of 0 or 1 per text about the response to a question of its kind.

    The first column says that a sign of the answer is present, and the second that it is absent.
    The sign is a capitalised word inside a sentence for a name, and a number or word of time for a
    number; it must not occur in the prompt. The third column says that a yes-or-no question is
    answered with yes or no at once, and the fourth that another question is.
    """
    texts = offsets.shape[0] - 1
    signs = np.zeros((texts, 4), dtype=np.float32)
    for text in range(texts):
        kind = kinds[text]
        first = offsets[text]
        stop = offsets[text + 1]
        if kind == 0 or first == stop:
            continue
        if look_up(keys, classes, ids[first]) == _YES_NO:
            signs[text, 2 if kind == POLAR else 3] = 1.0
        if kind != NAME and kind != NUMBER:
            continue
        found = False
        for at in range(first, stop):
            byte = buffer[begins[at]]
            if kind == NUMBER:
                candidate = 48 <= byte <= 57 or look_up(keys, classes, ids[at]) == _COUNT
            else:
                candidate = 65 <= byte <= 90 and (
                    stop - first < 8 or not _opens_sentence(buffer, begins[at], begins[first])
                )
            if candidate and not _among(prompt_ids, prompt_offsets[text], prompt_offsets[text + 1], ids[at]):
                found = True
                break
        signs[text, 0 if found else 1] = 1.0
    return signs


@njit(cache=True, nogil=True)
def weigh_columns(columns: NDArray[np.float32], coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return for each row the sum of its columns times their coefficients.

    The last coefficient is added to the sum.
    """
    last = coefficients.shape[0] - 1
    odds = np.empty(columns.shape[0], dtype=np.float32)
    for row in range(columns.shape[0]):
        total = coefficients[last]
        for column in range(last):
            total += columns[row, column] * coefficients[column]
        odds[row] = total
    return odds
