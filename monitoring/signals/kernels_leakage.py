"""The compiled pass that measures how much of one text another repeats word for word."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["RUN", "measure_leakage"]

RUN = 4  # words in a row that count as repeated

_PRIME = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True, inline="always")
def _hash_run(ids: NDArray[np.uint32], at: int) -> np.uint64:
    value = np.uint64(14695981039346656037)
    for step in range(RUN):
        value = np.uint64((value ^ np.uint64(ids[at + step])) * _PRIME)
        value ^= value >> np.uint64(29)
    return value


@njit(cache=True, nogil=True)
def measure_leakage(
    source: NDArray[np.uint32],
    source_offsets: NDArray[np.int64],
    text: NDArray[np.uint32],
    text_offsets: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Compare hashed words of two fields, record by record, by runs of RUN words.

    Returns the share 0..1 of the source's distinct runs that the text holds. Also returns the words
    [records, 2], first and end, of the text's longest stretch of runs from the source. Both are
    equal if there is no such stretch.
    """
    records = source_offsets.shape[0] - 1
    shares = np.zeros(records, dtype=np.float32)
    spans = np.zeros((records, 2), dtype=np.int64)
    most = np.int64(0)
    for record in range(records):
        most = max(most, source_offsets[record + 1] - source_offsets[record])
    size = 16
    while size < 2 * most:
        size *= 2
    keys = np.zeros(size, dtype=np.uint64)
    stamps = np.zeros(size, dtype=np.int64)
    for record in range(records):
        distinct = 0
        for at in range(source_offsets[record], source_offsets[record + 1] - RUN + 1):
            key = _hash_run(source, at)
            slot = np.int64(key & np.uint64(size - 1))
            while abs(stamps[slot]) == record + 1 and keys[slot] != key:
                slot = (slot + 1) & (size - 1)
            if abs(stamps[slot]) != record + 1:
                keys[slot] = key
                stamps[slot] = record + 1
                distinct += 1
        if distinct == 0:
            continue
        found = 0
        begin = -1
        for at in range(text_offsets[record], text_offsets[record + 1] - RUN + 1):
            key = _hash_run(text, at)
            slot = np.int64(key & np.uint64(size - 1))
            while abs(stamps[slot]) == record + 1 and keys[slot] != key:
                slot = (slot + 1) & (size - 1)
            if abs(stamps[slot]) == record + 1:
                if stamps[slot] > 0:  # a negative stamp marks a run that was already found
                    stamps[slot] = -(record + 1)
                    found += 1
                if begin < 0:
                    begin = at
                if at + RUN - begin > spans[record, 1] - spans[record, 0]:
                    spans[record, 0] = begin
                    spans[record, 1] = at + RUN
            else:
                begin = -1
        shares[record] = found / distinct
    return shares, spans
