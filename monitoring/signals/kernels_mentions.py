"""The compiled pass that finds the sentences that mention a group of people."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.text.kernels_lexicon import look_up

__all__ = ["AMBIGUOUS", "PEOPLE", "PLAIN", "find_sentences"]

# A word of the class PLAIN is a mention by itself. One of the class AMBIGUOUS is a mention only
# before a word of the two others in the same sentence. The class PEOPLE holds words for people.
PLAIN, AMBIGUOUS, PEOPLE = 1, 2, 3

Places = NDArray[np.int32]


@njit(cache=True, nogil=True)
def find_sentences(
    ids: NDArray[np.uint32],
    begins: Places,
    sentence_begins: Places,
    sentence_ends: Places,
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
) -> NDArray[np.int64]:
    """Return a row for each sentence with a mention.

    A row is (text number, first byte, end byte, first byte of the sentence before). The first
    sentence of a text has none before it, and gets its own first byte. `ids` and `begins` are the
    words, and `offsets` the n + 1 numbers of the texts' sentences.
    """
    count = sentence_begins.shape[0]
    rows = np.empty((count, 4), dtype=np.int64)
    found = 0
    text = 0
    sentence = 0
    latest = -1
    words = ids.shape[0]
    for at in range(words):
        kind = look_up(keys, classes, ids[at])
        if kind != PLAIN and kind != AMBIGUOUS:
            continue
        while sentence + 1 < count and sentence_begins[sentence + 1] <= begins[at]:
            sentence += 1
        if sentence == latest:
            continue
        if kind == AMBIGUOUS:
            if at + 1 == words or begins[at + 1] >= sentence_ends[sentence]:
                continue
            following = look_up(keys, classes, ids[at + 1])
            if following != PLAIN and following != PEOPLE:
                continue
        latest = sentence
        while offsets[text + 1] <= sentence:
            text += 1
        rows[found, 0] = text
        rows[found, 1] = sentence_begins[sentence]
        rows[found, 2] = sentence_ends[sentence]
        rows[found, 3] = sentence_begins[sentence if sentence == offsets[text] else sentence - 1]
        found += 1
    return rows[:found]
