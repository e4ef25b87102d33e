"""One compiled pass over UTF-8 bytes that counts what decides how many tokens a text becomes."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["FEATURES", "count_features"]

FEATURES = (
    "ascii_words",
    "letters_beyond_six",
    "case_changes",
    "digit_triples",
    "punctuation_runs",
    "punctuation_beyond_one",
    "line_break_runs",
    "spaces_beyond_one",
    "latin_characters",
    "other_two_byte_characters",
    "indic_characters",
    "symbols",
    "cjk_characters",
    "hangul_characters",
    "four_byte_characters",
)

_LONG_WORD = 6


@njit(cache=True, nogil=True)
def count_features(buffer: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one row per text of the counts named in FEATURES, in time linear in the bytes."""
    texts = starts.shape[0] - 1
    out = np.zeros((texts, 15), dtype=np.int64)
    for text in range(texts):
        before = 0  # 1 lower case, 2 upper case, 3 digit, 4 punctuation, 5 line break, 6 space, 7 other
        length = 0
        for at in range(starts[text], starts[text + 1]):
            byte = buffer[at]
            if 97 <= byte <= 122:
                kind = 1
            elif 65 <= byte <= 90:
                kind = 2
            elif 48 <= byte <= 57:
                kind = 3
            elif byte == 10 or byte == 13:
                kind = 5
            elif byte == 32 or byte == 9:
                kind = 6
            elif byte >= 0x80:
                kind = 7
            else:
                kind = 4
            letter_before = before == 1 or before == 2
            length = length + 1 if kind == before or (kind <= 2 and letter_before) else 1
            if kind <= 2:
                if length == 1:
                    out[text, 0] += 1
                elif length > _LONG_WORD:
                    out[text, 1] += 1
                if kind == 2 and before == 1:
                    out[text, 2] += 1
            elif kind == 3:
                if length % 3 == 1:
                    out[text, 3] += 1
            elif kind == 4:
                out[text, 4 if length == 1 else 5] += 1
            elif kind == 5:
                if length == 1:
                    out[text, 6] += 1
            elif kind == 6:
                if length > 1:
                    out[text, 7] += 1
            elif 0xC2 <= byte <= 0xC9:
                out[text, 8] += 1
            elif 0xCA <= byte <= 0xDF:
                out[text, 9] += 1
            elif 0xE0 <= byte <= 0xE1:
                out[text, 10] += 1
            elif byte == 0xE2 or byte == 0xEE or byte == 0xEF:
                out[text, 11] += 1
            elif 0xE3 <= byte <= 0xE9:
                out[text, 12] += 1
            elif 0xEA <= byte <= 0xED:
                out[text, 13] += 1
            elif byte >= 0xF0:
                out[text, 14] += 1
            before = kind
    return out
