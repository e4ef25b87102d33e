"""The compiled pass that cuts texts into segments: sentences, cells and values.

Each segment may be an instruction. Beside its words, the way it begins and whether it asks tell an
instruction from other text. A segment is therefore written as the token START and its words, and
the token QUESTION if it ends in `?`.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["LONGEST", "QUESTION", "START", "cut_segments"]

# Ids that stand for no word: hashes of words reach them with a probability of one in four billion.
START = np.uint32(0x51A27E01)
QUESTION = np.uint32(0x51A27E02)
# A segment of more words is cut, so that a hostile text without full stops has segments too.
LONGEST = 30

_QUESTION_MARK = 63
_ENDS = np.zeros(256, dtype=np.bool_)
_ENDS[np.frombuffer(b'\n?!;|{}[]<>"', dtype=np.uint8)] = True
# A full stop inside a number or a name ends nothing.
_ENDS_BEFORE_SPACE = np.zeros(256, dtype=np.bool_)
_ENDS_BEFORE_SPACE[np.frombuffer(b".:", dtype=np.uint8)] = True


@njit(cache=True, nogil=True)
def cut_segments(
    buffer: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ids: NDArray[np.uint32],
    begins: NDArray[np.int32],
    ends: NDArray[np.int32],
    offsets: NDArray[np.int64],
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """Cut the words of texts into segments.

    `buffer` and `starts` hold the bytes of the texts, and the other arrays hold their words.
    Returns the tokens of the segments, their offsets int64 [segments + 1] and the first segment of
    each text int64 [texts + 1].
    """
    words = ids.shape[0]
    texts = offsets.shape[0] - 1
    tokens = np.empty(3 * words + 1, dtype=np.uint32)
    bounds = np.zeros(words + 1, dtype=np.int64)
    firsts = np.zeros(texts + 1, dtype=np.int64)
    filled = 0
    segments = 0
    for text in range(texts):
        stop = offsets[text + 1]
        length = 0
        for at in range(offsets[text], stop):
            if length == 0:
                tokens[filled] = START
                filled += 1
            tokens[filled] = ids[at]
            filled += 1
            length += 1
            last = at + 1 == stop
            right = starts[text + 1] if last else begins[at + 1]
            cut = last or length == LONGEST
            asks = False
            for place in range(ends[at], right):
                byte = buffer[place]
                if _ENDS[byte] or (_ENDS_BEFORE_SPACE[byte] and right - ends[at] > 1):
                    cut = True
                    asks = byte == _QUESTION_MARK
                    break
            if cut:
                if asks:
                    tokens[filled] = QUESTION
                    filled += 1
                segments += 1
                bounds[segments] = filled
                length = 0
        firsts[text + 1] = segments
    return tokens[:filled].copy(), bounds[: segments + 1].copy(), firsts
