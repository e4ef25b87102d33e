"""Compiled search for what a text can refute by itself: equations, and sentences that clash."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.text.kernels import FNV_OFFSET, FNV_PRIME
from monitoring.text.kernels_lexicon import look_up

__all__ = [
    "AUXILIARIES",
    "CONDITIONS",
    "CONTRACTIONS",
    "FUNCTION",
    "NOT",
    "STATES",
    "find_contradictions",
    "find_equations",
]

# Classes of words. CONTRACTIONS + k is the negated form of AUXILIARIES + k.
NOT, STATES, FUNCTION, CONDITIONS, AUXILIARIES, CONTRACTIONS = 1, 2, 3, 4, 40, 60
_KINDS = 20
_FEWEST, _MOST = 4, 40  # words of a sentence worth comparing


@njit(cache=True, nogil=True)
def find_equations(
    buffer: NDArray[np.uint8], starts: NDArray[np.int64], signs: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which texts have an equals sign with a digit on both sides.

    `signs` are the byte positions of the equals signs.
    """
    texts = starts.shape[0] - 1
    found = np.zeros(texts, dtype=np.bool_)
    text = 0
    for sign in signs:
        while sign >= starts[text + 1]:
            text += 1
        left = sign - 1
        while left > starts[text] and buffer[left] == 32 and sign - left < 4:
            left -= 1
        right = sign + 1
        while (
            right + 1 < starts[text + 1] and right - sign < 4 and (buffer[right] == 32 or buffer[right] == 36)
        ):
            right += 1
        if (
            left >= starts[text]
            and right < starts[text + 1]
            and 48 <= buffer[left] <= 57
            and (
                48 <= buffer[right] <= 57
                or buffer[right] == 45
                or buffer[right] == 0xC2
                or buffer[right] == 0xE2
            )
        ):
            found[text] = True
    return found


@njit(cache=True, nogil=True)
def find_contradictions(
    buffer: NDArray[np.uint8],
    ids: NDArray[np.uint32],
    stems: NDArray[np.uint32],
    begins: NDArray[np.int32],
    offsets: NDArray[np.int64],
    sentence_begins: NDArray[np.int32],
    sentence_ends: NDArray[np.int32],
    sentence_offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
) -> NDArray[np.int64]:
    """Find pairs of sentences that deny each other, or that say the same with two numbers.

    A pair has the same words with and without a negation, or with different numbers. Returns rows
    of (text, earlier sentence, later sentence, kind), where kind is 0 for a negation and 1 for a
    number. Questions, conditions and items of lists are left out. Numbers are compared only in
    statements with a verb of fact (born, founded, …) that hold exactly one number.
    """
    found = []
    texts = offsets.shape[0] - 1
    most = 1
    for text in range(texts):
        most = max(most, sentence_offsets[text + 1] - sentence_offsets[text])
    size = 16
    while size < 4 * most:
        size *= 2
    mask = np.uint32(size - 1)
    stamps = np.zeros(size, dtype=np.int32)
    hashes = np.empty(size, dtype=np.uint32)
    checks = np.empty(size, dtype=np.uint32)
    tones = np.empty(size, dtype=np.int64)
    owners = np.empty(size, dtype=np.int64)
    for text in range(texts):
        at = offsets[text]
        stop = offsets[text + 1]
        for sentence in range(sentence_offsets[text], sentence_offsets[text + 1]):
            end = sentence_ends[sentence]
            first = at
            while at < stop and begins[at] < end:
                at += 1
            count = at - first
            if count < _FEWEST or count > _MOST or buffer[end - 1] == 63:
                continue
            lead = buffer[sentence_begins[sentence]]
            if lead == 42 or lead == 45 or lead == 35 or lead == 62 or lead == 124 or 48 <= lead <= 57:
                continue
            value, check = FNV_OFFSET, FNV_OFFSET
            number = np.uint32(0)
            numbers, negations, states, content = 0, 0, 0, 0
            conditional = False
            for word in range(first, at):
                kind = np.int64(look_up(keys, classes, ids[word]))
                part = stems[word]
                if kind == NOT:
                    negations += 1
                    continue
                if CONTRACTIONS <= kind < CONTRACTIONS + _KINDS:
                    negations += 1
                    kind += AUXILIARIES - CONTRACTIONS
                if AUXILIARIES <= kind < AUXILIARIES + _KINDS:
                    if kind == AUXILIARIES:
                        continue  # do, does, did come and go with the negation
                    part = np.uint32(kind)
                elif 48 <= buffer[begins[word]] <= 57:
                    numbers += 1
                    number = ids[word]
                    part = np.uint32(7)
                else:
                    content += 1 if kind != FUNCTION else 0
                    conditional = conditional or kind == CONDITIONS
                    states += 1 if kind == STATES else 0
                value = np.uint32((value ^ part) * FNV_PRIME)
                check = np.uint32((check + part) * np.uint32(2654435761) ^ (check >> np.uint32(15)))
            if content < 2 or negations > 1 or conditional:
                continue
            slot = value & mask
            while stamps[slot] == text + 1 and (hashes[slot] != value or checks[slot] != check):
                slot = (slot + np.uint32(1)) & mask
            tone = np.int64(number) * 2 + negations
            if stamps[slot] != text + 1:
                stamps[slot] = text + 1
                hashes[slot] = value
                checks[slot] = check
                tones[slot] = tone
                owners[slot] = sentence
                continue
            before = tones[slot]
            same_number = before // 2 == tone // 2
            if same_number and before % 2 != negations:
                found.append((text, owners[slot], sentence, 0))
            elif numbers == 1 and states > 0 and not same_number and before % 2 == negations and content > 2:
                found.append((text, owners[slot], sentence, 1))
    out = np.empty((len(found), 4), dtype=np.int64)
    for row in range(len(found)):
        for column in range(4):
            out[row, column] = found[row][column]
    return out
