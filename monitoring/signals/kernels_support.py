"""Compiled comparison of the sentences of a response with the text that should support them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.signals.kernels_values import FIRST, FURTHER
from monitoring.text.kernels import FNV_OFFSET, FNV_PRIME
from monitoring.text.kernels_lexicon import look_up

__all__ = [
    "BIGRAMS",
    "CONTENT",
    "CONTENT_PAIRS",
    "FEATURES",
    "NAMES",
    "NOVEL_BIGRAMS",
    "NOVEL_CONTENT",
    "NOVEL_CONTENT_PAIRS",
    "NOVEL_NAMES",
    "NOVEL_NUMBERS",
    "NOVEL_TRIGRAMS",
    "NUMBERS",
    "POLARITY",
    "STOP",
    "TRIGRAMS",
    "UNPROMPTED",
    "WORDS",
    "count_support",
    "mark_numbers",
    "stem_words",
]

# The columns of the counts, with one row per sentence of the response.
WORDS, CONTENT, NOVEL_CONTENT, UNPROMPTED = 0, 1, 2, 3
BIGRAMS, NOVEL_BIGRAMS, TRIGRAMS, NOVEL_TRIGRAMS = 4, 5, 6, 7
CONTENT_PAIRS, NOVEL_CONTENT_PAIRS = 8, 9
NUMBERS, NOVEL_NUMBERS, NAMES, NOVEL_NAMES, POLARITY = 10, 11, 12, 13, 14
FEATURES = 15

# Classes of words: no content, a negation, a number, and a number that continues the one before.
# The name of a field is DENIED or STATED if its value says nothing else.
STOP, NEGATION, NUMBER, DENIED, STATED, CONTINUED = 1, 2, 4, 8, 16, 32

_PREFIX = 6  # letters kept of a long word
_REACH = 3  # a negation colours this many words after it
_AFFIRMED, _NEGATED, _PROMPTED, _STATED = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(8)
_EVERY_ROW, _NO_ROW = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0)
_ONE, _TWO, _THREE, _PAIR = 1, 2, 3, 4
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SALT = np.uint64(0xD6E8FEB86659FD93)

# A slot of the table is one number: 4 bits of marks, 24 of the owner's stamp, 36 of the key.
_MARKS = np.uint64(0xF)
_STAMP = np.uint64(0xFFFFFF0)
_FINGERPRINT = np.uint64(0xFFFFFFFFF0000000)
_STAMPS = (1 << 24) - 1


@njit(cache=True, nogil=True)
def stem_words(
    buffer: NDArray[np.uint8],
    ids: NDArray[np.uint32],
    begins: NDArray[np.int32],
    ends: NDArray[np.int32],
    keys: NDArray[np.uint32],
    classes: NDArray[np.uint8],
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return a stem id and a class mask for each word.

    The stem is the word without a possessive and without a plural s, and at most its first six
    bytes, so that inflected forms of a word match. Words that begin with a digit or with a byte
    above 127 keep their whole form.
    """
    stems = ids.copy()
    kinds = np.zeros(ids.shape[0], dtype=np.uint8)
    for at in range(ids.shape[0]):
        first = buffer[begins[at]]
        kind = look_up(keys, classes, ids[at])
        if 48 <= first <= 57:
            kind |= np.uint8(NUMBER)
        kinds[at] = kind
        if first > 127 or first < 58:
            continue
        length = ends[at] - begins[at]
        last = begins[at] + length - 1
        cut = length
        if length > 2 and (buffer[last] | 32) == 115:
            before = buffer[last - 1]
            if before == 39:
                cut = length - 2
            elif length > 4 and before == 0x99 and buffer[last - 2] == 0x80:
                cut = length - 4
            elif length > 3 and (before | 32) != 115:
                cut = length - 1
        cut = min(cut, _PREFIX)
        if cut == length:
            continue
        value = FNV_OFFSET
        for k in range(cut):
            byte = buffer[begins[at] + k]
            if 65 <= byte <= 90:
                byte = np.uint8(byte + 32)
            value = np.uint32((value ^ np.uint32(byte)) * FNV_PRIME)
        stems[at] = value
    return stems, kinds


@njit(cache=True, nogil=True)
def mark_numbers(
    stems: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    values: NDArray[np.uint64],
    marks: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    tied: NDArray[np.bool_],
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return stems and classes in which all numbers have one stem.

    Neighbouring numbers, as in a date, count as one. In texts that are `tied` to the rows of a
    table, each value has a stem of its own. Values are given by their 64 bits.
    """
    stems = stems.copy()
    kinds = kinds.copy()
    for text in range(offsets.shape[0] - 1):
        if not wanted[text]:
            continue
        number = False
        for at in range(offsets[text], offsets[text + 1]):
            if marks[at] == FIRST or marks[at] == FURTHER:
                if tied[text]:
                    number = marks[at] == FURTHER
                    stems[at] = np.uint32((values[at] * _MIX) >> np.uint64(32))
                else:
                    stems[at] = NUMBER
                kinds[at] = NUMBER | CONTINUED if number else NUMBER
                number = True
            else:
                number = False
    return stems, kinds


@njit(cache=True, nogil=True, inline="always")
def _key(kind: int, a: np.uint32, b: np.uint32, c: np.uint32) -> np.uint64:
    value = ((np.uint64(a) << np.uint64(32)) | np.uint64(b)) + np.uint64(kind) * _SALT
    value = (value ^ (value >> np.uint64(29)) ^ np.uint64(c)) * _MIX
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def _add(
    table: NDArray[np.uint64], mask: np.uint64, stamp: np.uint64, key: np.uint64, mark: np.uint64
) -> None:
    slot = key & mask
    tag = (key & _FINGERPRINT) | stamp
    while True:
        entry = table[slot]
        if entry & _STAMP != stamp:
            table[slot] = tag | mark
            return
        if entry & ~_MARKS == tag:
            table[slot] = entry | mark
            return
        slot = (slot + np.uint64(1)) & mask


@njit(cache=True, nogil=True, inline="always")
def _find(table: NDArray[np.uint64], mask: np.uint64, stamp: np.uint64, key: np.uint64) -> np.uint64:
    slot = key & mask
    tag = (key & _FINGERPRINT) | stamp
    while True:
        entry = table[slot]
        if entry & ~_MARKS == tag:
            return np.uint64(entry & _MARKS)
        if entry & _STAMP != stamp:
            return np.uint64(0)
        slot = (slot + np.uint64(1)) & mask


@njit(cache=True, nogil=True, inline="always")
def _seek(table: NDArray[np.uint64], mask: np.uint64, stamp: np.uint64, key: np.uint64) -> np.uint64:
    """Return the slot of a key that is in the table."""
    slot = key & mask
    tag = (key & _FINGERPRINT) | stamp
    while table[slot] & ~_MARKS != tag:
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def count_support(
    buffer: NDArray[np.uint8],
    stems: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    begins: NDArray[np.int32],
    offsets: NDArray[np.int64],
    sentence_ends: NDArray[np.int32],
    sentence_offsets: NDArray[np.int64],
    source_stems: NDArray[np.uint32],
    source_kinds: NDArray[np.uint8],
    source_rows: NDArray[np.uint64],
    source_offsets: NDArray[np.int64],
    prompt_stems: NDArray[np.uint32],
    prompt_offsets: NDArray[np.int64],
    matched: NDArray[np.uint8],
) -> NDArray[np.int32]:
    """Count the words and n-grams of each sentence of the responses, and those the source lacks.

    One table of the n-grams of the source serves all records. A slot belongs to a record if it
    carries that record's stamp, so nothing is cleared between records. Records without source words
    stay all zero. Numbers are content only in records with fields. `matched` is 2 for a value that
    is new.

    `source_rows` has one entry per source word: the rows of a field's word as bits, and 0 for
    prose. It is empty if the batch has no fields. Words that share a row may stand together in any
    order, so an n-gram of them is not new. In a record with fields each number has a stem of its
    own, so that a value of another row is noticed.
    """
    records = offsets.shape[0] - 1
    counts = np.zeros((sentence_ends.shape[0], FEATURES), dtype=np.int32)
    largest = 16
    for record in range(records):
        source = source_offsets[record + 1] - source_offsets[record]
        prompt = prompt_offsets[record + 1] - prompt_offsets[record]
        if source > 0:
            largest = max(largest, 2 * (4 * source + prompt))
    size = 16
    while size < largest:
        size *= 2
    table = np.zeros(size, dtype=np.uint64)
    has_rows = source_rows.shape[0] > 0
    rows = np.zeros(size if has_rows else 1, dtype=np.uint64)
    zero = np.uint32(0)

    for record in range(records):
        first = source_offsets[record]
        last = source_offsets[record + 1]
        if first == last:
            continue
        stamp = np.uint64(record % _STAMPS + 1) << np.uint64(4)
        if record and record % _STAMPS == 0:
            table[:] = 0
        room = 2 * (4 * (last - first) + prompt_offsets[record + 1] - prompt_offsets[record])
        size = 16
        while size < room:
            size *= 2
        mask = np.uint64(size - 1)
        tied = has_rows and source_rows[first:last].any()
        if tied:
            rows[:size] = 0

        before, earlier, content = zero, zero, zero
        since = _REACH + 1
        for at in range(first, last):
            stem = source_stems[at]
            kind = source_kinds[at]
            if kind & CONTINUED:
                continue
            if kind & NEGATION:
                since = 0
                continue
            since += 1
            tone = _NEGATED if since <= _REACH else _AFFIRMED
            if tied and source_rows[at] != _NO_ROW:
                tone = _NEGATED if kind & DENIED else _AFFIRMED
                if kind & STATED:
                    tone |= _STATED
                key = _key(_ONE, stem, zero, zero)
                _add(table, mask, stamp, key, tone)
                rows[_seek(table, mask, stamp, key)] |= source_rows[at]
                tone &= ~_STATED
            else:
                _add(table, mask, stamp, _key(_ONE, stem, zero, zero), tone)
            _add(table, mask, stamp, _key(_TWO, before, stem, zero), tone)
            _add(table, mask, stamp, _key(_THREE, earlier, before, stem), tone)
            if not kind & (STOP | NUMBER):
                _add(table, mask, stamp, _key(_PAIR, content, stem, zero), tone)
                content = stem
            earlier, before = before, stem
        for at in range(prompt_offsets[record], prompt_offsets[record + 1]):
            _add(table, mask, stamp, _key(_ONE, prompt_stems[at], zero, zero), _PROMPTED)

        at = offsets[record]
        stop = offsets[record + 1]
        for sentence in range(sentence_offsets[record], sentence_offsets[record + 1]):
            end = sentence_ends[sentence]
            row = counts[sentence]
            before, earlier, content = zero, zero, zero
            # The rows in which the last words, and the last content word, may stand.
            row_before, row_earlier, row_content = _EVERY_ROW, _EVERY_ROW, _EVERY_ROW
            since = _REACH + 1
            seen = 0
            opened = at
            # All rows that the sentence speaks of by a word that stands in no other.
            spoken = _NO_ROW
            while at < stop and begins[at] < end:
                stem = stems[at]
                kind = kinds[at]
                row[WORDS] += 1
                if matched[at] != 0:
                    row[NUMBERS] += 1
                    row[NOVEL_NUMBERS] += 1 if matched[at] == 2 else 0
                if kind & CONTINUED:
                    at += 1
                    continue
                if kind & NEGATION:
                    since = 0
                    at += 1
                    continue
                since += 1
                mark = _find(table, mask, stamp, _key(_ONE, stem, zero, zero))
                supported = mark & (_AFFIRMED | _NEGATED)
                row_here = _NO_ROW
                if tied:
                    row_here = row_content
                    if not kind & STOP:
                        row_here = _NO_ROW
                        if supported:
                            row_here = rows[_seek(table, mask, stamp, _key(_ONE, stem, zero, zero))]
                        # A name whose value denies or states it, as in `paid: false`, stands beside
                        # no other word.
                        denied = row_here != _NO_ROW and supported == _NEGATED
                        stated = row_here != _NO_ROW and mark & _STATED and not mark & _NEGATED
                        if (denied and since > _REACH) or (stated and since <= _REACH):
                            row[POLARITY] += 1
                        # A rounded value stands in no row by itself.
                        rounded = kind & NUMBER and matched[at] == 1 and not supported
                        if not kind & NUMBER and not row_here & (row_here - np.uint64(1)):
                            spoken |= row_here
                        if row_here == _NO_ROW and (mark & _PROMPTED or rounded):
                            row_here = _EVERY_ROW
                        if row_here & row_content != _NO_ROW:
                            row_here &= row_content
                        if kind & NUMBER:
                            row[CONTENT] += 1
                            row[NOVEL_CONTENT] += 1 if matched[at] == 2 else 0
                            row[UNPROMPTED] += 1 if matched[at] == 2 else 0
                            row[CONTENT_PAIRS] += 1
                            row[NOVEL_CONTENT_PAIRS] += 0 if row_here & row_content else 1
                            row_content = row_here
                if not kind & (STOP | NUMBER):
                    row[CONTENT] += 1
                    row[NOVEL_CONTENT] += 0 if supported else 1
                    row[UNPROMPTED] += 1 if mark == 0 else 0
                    letter = buffer[begins[at]]
                    if seen > 0 and 65 <= letter <= 90:
                        row[NAMES] += 1
                        row[NOVEL_NAMES] += 1 if mark == 0 else 0
                    if content != zero:
                        row[CONTENT_PAIRS] += 1
                        pair = _find(table, mask, stamp, _key(_PAIR, content, stem, zero))
                        row[NOVEL_CONTENT_PAIRS] += 1 if pair == 0 and not row_here & row_content else 0
                        tone = _NEGATED if since <= _REACH else _AFFIRMED
                        row[POLARITY] += 1 if pair != 0 and not pair & tone else 0
                    content = stem
                    row_content = row_here
                if seen > 0:
                    row[BIGRAMS] += 1
                    two = _find(table, mask, stamp, _key(_TWO, before, stem, zero))
                    row[NOVEL_BIGRAMS] += 1 if two == 0 and not row_here & row_before else 0
                if seen > 1:
                    row[TRIGRAMS] += 1
                    three = _find(table, mask, stamp, _key(_THREE, earlier, before, stem))
                    together = row_here & row_before & row_earlier
                    row[NOVEL_TRIGRAMS] += 1 if three == 0 and not together else 0
                seen += 1
                earlier, before = before, stem
                row_earlier, row_before = row_before, row_here
                at += 1
            if spoken == _NO_ROW:
                continue
            # A value that stands only in other rows is as wrong as a new one.
            for word in range(opened, at):
                if matched[word] == 1 and kinds[word] & NUMBER and not kinds[word] & CONTINUED:
                    key = _key(_ONE, stems[word], zero, zero)
                    mark = _find(table, mask, stamp, key)
                    given = mark & (_AFFIRMED | _NEGATED) and not mark & _PROMPTED
                    if given and not rows[_seek(table, mask, stamp, key)] & spoken:
                        row[NOVEL_NUMBERS] += 1
    return counts
