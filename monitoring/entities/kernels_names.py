"""The compiled look at what stands before a sign, which may be the name of a secret."""

from __future__ import annotations

from numba import njit

from monitoring.entities.kernels_escapes import Bytes, Ints

__all__ = ["names_secret"]


@njit(cache=True, nogil=True)
def _lower(byte: int) -> int:
    return byte | 0x20 if 65 <= byte <= 90 else byte


@njit(cache=True, nogil=True)
def _ends_with(buffer: Bytes, low: int, end: int, words: Bytes, offsets: Ints) -> bool:
    """Tell whether the bytes before `end` end with one of the words, whatever their case."""
    last = _lower(buffer[end - 1])
    for word in range(offsets.shape[0] - 1):
        size = offsets[word + 1] - offsets[word]
        if words[offsets[word + 1] - 1] != last or end - size < low:
            continue
        same = True
        for k in range(size):
            if _lower(buffer[end - size + k]) != words[offsets[word] + k]:
                same = False
                break
        if same:
            return True
    return False


@njit(cache=True, nogil=True)
def names_secret(buffer: Bytes, low: int, at: int, words: Bytes, offsets: Ints) -> bool:
    """Tell whether what stands before a sign is the name of a secret, as in DATABASE_PASSWORD="…", or `-u name`."""
    end = at
    while (
        end > low
        and at - end < 6
        and (
            buffer[end - 1] == 0x20
            or buffer[end - 1] == 0x22
            or buffer[end - 1] == 0x27
            or buffer[end - 1] == 0x5C
            or buffer[end - 1] == 0x5D
            or buffer[end - 1] == 0x60
            or buffer[end - 1] == 0x2A
        )
    ):
        end -= 1
    if end <= low or not (buffer[end - 1] >= 0x80 or 97 <= buffer[end - 1] | 0x20 <= 122):
        return False
    if _ends_with(buffer, low, end, words, offsets):
        return True
    if end != at or buffer[at] != 0x3A:
        return False
    begin = end
    while (
        begin > low
        and end - begin < 40
        and buffer[begin - 1] > 0x20
        and buffer[begin - 1] != 0x22
        and buffer[begin - 1] != 0x27
    ):
        begin -= 1
    while (
        begin > low
        and end - begin < 44
        and (buffer[begin - 1] == 0x20 or buffer[begin - 1] == 0x22 or buffer[begin - 1] == 0x27)
    ):
        begin -= 1
    return (
        begin > low + 2
        and (buffer[begin - 1] == 0x75 or buffer[begin - 1] == 0x72)
        and (
            buffer[begin - 2] == 0x2D
            or (buffer[begin - 2] == 0x65 and begin > low + 6 and buffer[begin - 5] == 0x2D)
        )
    )
