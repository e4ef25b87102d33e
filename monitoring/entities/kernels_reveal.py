"""The compiled pass that writes a stretch of text in plain characters, and remembers where each came from."""

from __future__ import annotations

import numpy as np
from numba import njit

from monitoring.entities.kernels_escapes import (
    DROPPED,
    Bytes,
    Ints,
    escaped,
    is_digit,
    number_at,
    plain_of,
    spelled_at,
    spelled_word,
)

__all__ = ["reveal"]


@njit(cache=True, nogil=True)
def reveal(
    buffer: Bytes, begin: int, stop: int, plain: Bytes, names: Bytes, offsets: Ints, values: Bytes
) -> tuple[Bytes, Ints, Ints]:
    """Return a stretch in plain characters: its bytes, and where the source of each begins and ends.

    Escapes are read, look-alikes of digits, letters and signs become ASCII, invisible characters vanish, a
    spelled at or dot becomes its sign, and separators between digits become spaces, dots or hyphens.
    """
    size = stop - begin
    shown = np.empty(size + 4, dtype=np.uint8)
    firsts = np.empty(size + 4, dtype=np.int64)
    lasts = np.empty(size + 4, dtype=np.int64)
    count = 0
    at = begin
    while at < stop:
        byte = buffer[at]
        code = number_at(buffer, at)
        end = at + 1
        spelled = False
        if byte == 0x25 or byte == 0x26 or byte == 0x5C:
            value, after = escaped(buffer, at, stop, names, offsets, values)
            if value >= 0:
                code, end = value, after
                if byte != 0x25 and 0x80 <= code < plain.shape[0] and plain[code] > 0:
                    code = number_at(plain, code)
        elif byte == 0x28 or byte == 0x5B or byte == 0x7B or byte == 0x3C:
            value, after = spelled_at(buffer, at, stop)
            if value >= 0:
                code, end, spelled = value, after, True
                while count > 0 and shown[count - 1] == 0x20:
                    count -= 1
        elif byte == 0x20:
            value, after = spelled_word(buffer, at, stop)
            if value >= 0:
                code, end, spelled = value, after, True
        elif (
            byte == 0x5F and count > 0 and is_digit(shown[count - 1]) and end < stop and is_digit(buffer[end])
        ):
            code = 0x2D
        elif byte >= 0x80:
            value, width = plain_of(buffer, at, stop, plain)
            end = at + width
            code = value if value > 0 else -1
        if spelled:
            while end < stop and buffer[end] == 0x20:
                end += 1
        spaced = code == 0x2D and count > 1 and shown[count - 1] == 0x20 and is_digit(shown[count - 2])
        if spaced and end + 1 < stop and buffer[end] == 0x20 and is_digit(buffer[end + 1]):
            count -= 1
            end += 1
        if code == DROPPED and byte != DROPPED:
            at = end
            continue
        if code < 0:
            for k in range(at, end):
                shown[count] = buffer[k]
                firsts[count] = at
                lasts[count] = end
                count += 1
            at = end
            continue
        # Percent escapes are bytes of UTF-8; other escapes are codes of characters, none longer than its escape.
        if code < 0x80 or byte == 0x25:
            shown[count] = code
            firsts[count] = at
            lasts[count] = end
            count += 1
        elif code < 0x800:
            shown[count] = 0xC0 | code >> 6
            shown[count + 1] = 0x80 | code & 0x3F
            firsts[count] = firsts[count + 1] = at
            lasts[count] = lasts[count + 1] = end
            count += 2
        elif code < 0x10000 and not 0xD800 <= code < 0xE000:
            shown[count] = 0xE0 | code >> 12
            shown[count + 1] = 0x80 | code >> 6 & 0x3F
            shown[count + 2] = 0x80 | code & 0x3F
            for k in range(3):
                firsts[count + k] = at
                lasts[count + k] = end
            count += 3
        else:
            shown[count] = 0x3F
            firsts[count] = at
            lasts[count] = end
            count += 1
        at = end
    return shown[:count].copy(), firsts[:count].copy(), lasts[:count].copy()
