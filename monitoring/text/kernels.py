"""Compiled single passes over UTF-8 bytes that all evaluators share.

Each runs in time linear in the bytes, releases the interpreter lock, and is cached on disk by
numba. A batch is one flat byte buffer with the n + 1 offsets of its texts.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["FNV_OFFSET", "FNV_PRIME", "scan_sentences", "scan_words"]

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]

# FNV-1a, 32 bit: http://www.isthe.com/chongo/tech/comp/fnv/
FNV_OFFSET = np.uint32(2166136261)
FNV_PRIME = np.uint32(16777619)

# The classes of bytes for the word scanner.
_BREAK, _WORD, _CJK_LEAD, _PUNCT_LEAD = 0, 1, 2, 3


def _byte_classes() -> NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for byte in range(256):
        if byte >= 0x80 or byte == ord("_") or chr(byte).isalnum():
            table[byte] = _WORD
    table[0xE2] = _PUNCT_LEAD  # U+2000..U+2FFF: dashes, quotes, arrows, mathematical signs
    for byte in range(0xE3, 0xEA):
        table[byte] = _CJK_LEAD  # U+3000..U+9FFF: written without spaces, so one character is one word
    return table


_CLASS = _byte_classes()


@njit(cache=True, nogil=True)
def scan_words(
    buffer: Bytes, starts: Offsets
) -> tuple[NDArray[np.uint32], NDArray[np.int32], NDArray[np.int32], Offsets]:
    """Split texts into lower-cased words and hash each with FNV-1a.

    A word is a run of ASCII letters, digits and underscores with inner apostrophes, or a run of
    other letters. A CJK ideograph or kana is a word by itself. Returns (ids uint32, first byte, end
    byte, offsets). The byte positions are relative to the buffer, and `offsets` (n + 1) gives the
    words of each text.
    """
    texts = starts.shape[0] - 1
    room = buffer.shape[0] + 1
    ids = np.empty(room, dtype=np.uint32)
    begins = np.empty(room, dtype=np.int32)
    ends = np.empty(room, dtype=np.int32)
    offsets = np.zeros(texts + 1, dtype=np.int64)
    count = 0
    for text in range(texts):
        stop = starts[text + 1]
        at = starts[text]
        inside = False
        begin = at
        value = FNV_OFFSET
        while at < stop:
            byte = buffer[at]
            kind = _CLASS[byte]
            width = 1
            if kind == _PUNCT_LEAD and at + 2 < stop:
                width = 3
                if buffer[at + 1] == 0x80 and buffer[at + 2] == 0x99 and inside:
                    byte = np.uint8(0x27)  # a typographic apostrophe hashes like the plain one
                    kind = _WORD
                else:
                    kind = _BREAK
            elif kind == _PUNCT_LEAD:
                kind = _BREAK
            elif kind == _CJK_LEAD and at + 2 < stop:
                width = 3
                if byte == 0xE3 and buffer[at + 1] == 0x80:
                    kind = _BREAK  # ideographic space and punctuation
            elif kind == _CJK_LEAD:
                kind = _WORD  # the end of the text cuts off a lead byte
            elif byte == 0x27 and inside and at + 1 < stop and _CLASS[buffer[at + 1]] == _WORD:
                kind = _WORD
            if kind == _WORD:
                if not inside:
                    inside = True
                    begin = at
                    value = FNV_OFFSET
                if 65 <= byte <= 90:
                    byte = np.uint8(byte + 32)
                elif 0x80 <= byte <= 0x9E and at > begin and buffer[at - 1] == 0xC3 and byte != 0x97:
                    byte = np.uint8(byte + 32)  # À..Þ
                value = np.uint32((value ^ np.uint32(byte)) * FNV_PRIME)
            else:
                if inside:
                    ids[count] = value
                    begins[count] = begin
                    ends[count] = at
                    count += 1
                    inside = False
                if kind == _CJK_LEAD:
                    value = FNV_OFFSET
                    for k in range(3):
                        value = np.uint32((value ^ np.uint32(buffer[at + k])) * FNV_PRIME)
                    ids[count] = value
                    begins[count] = at
                    ends[count] = at + 3
                    count += 1
            at += width
        if inside:
            ids[count] = value
            begins[count] = begin
            ends[count] = stop
            count += 1
        offsets[text + 1] = count
    return ids[:count].copy(), begins[:count].copy(), ends[:count].copy(), offsets


@njit(cache=True, nogil=True)
def scan_sentences(buffer: Bytes, starts: Offsets) -> tuple[NDArray[np.int32], NDArray[np.int32], Offsets]:
    """Split texts into sentences; returns (first byte, end byte, offsets n + 1).

    The sentences have no outer white space. A sentence ends at a line break, at a CJK full stop,
    and at `.`, `!` or `?` before white space. It does not end after one or two letters, as in `Mr.`
    or `U.S.`, nor before a lower-case letter.
    """
    texts = starts.shape[0] - 1
    room = buffer.shape[0] + 1
    begins = np.empty(room, dtype=np.int32)
    ends = np.empty(room, dtype=np.int32)
    offsets = np.zeros(texts + 1, dtype=np.int64)
    count = 0
    for text in range(texts):
        stop = starts[text + 1]
        at = starts[text]
        begin = at
        letters = 0
        while at <= stop:
            cut = at == stop
            after = at
            if not cut:
                byte = buffer[at]
                if byte == 10:
                    cut = True
                elif byte == 46 or byte == 33 or byte == 63:
                    after = at + 1
                    while after < stop and (
                        buffer[after] == 46
                        or buffer[after] == 33
                        or buffer[after] == 63
                        or buffer[after] == 34
                        or buffer[after] == 39
                        or buffer[after] == 41
                        or buffer[after] == 93
                    ):
                        after += 1
                    if after >= stop or buffer[after] == 32 or buffer[after] == 10 or buffer[after] == 13:
                        following = after
                        while following < stop and buffer[following] == 32:
                            following += 1
                        lower = following < stop and 97 <= buffer[following] <= 122
                        short = byte == 46 and after == at + 1 and letters <= 2 and letters > 0
                        cut = not lower and not (short and after < stop)
                    if not cut and after > at + 1:
                        at = after - 1
                elif byte == 0xE3 and at + 2 < stop and buffer[at + 1] == 0x80 and buffer[at + 2] == 0x82:
                    after = at + 3
                    cut = True
                elif (
                    byte == 0xEF
                    and at + 2 < stop
                    and buffer[at + 1] == 0xBC
                    and (buffer[at + 2] == 0x81 or buffer[at + 2] == 0x9F)
                ):
                    after = at + 3
                    cut = True
                if (65 <= byte <= 90) or (97 <= byte <= 122) or byte >= 0x80:
                    letters += 1
                elif 48 <= byte <= 57:
                    letters = 3
                else:
                    letters = 0
            if cut:
                left = begin
                right = after
                while left < right and buffer[left] <= 32:
                    left += 1
                while right > left and buffer[right - 1] <= 32:
                    right -= 1
                if right > left:
                    begins[count] = left
                    ends[count] = right
                    count += 1
                if at == stop:
                    break
                begin = after if after > at else at + 1
                at = begin
                letters = 0
            else:
                at += 1
        offsets[text + 1] = count
    return begins[:count].copy(), ends[:count].copy(), offsets
