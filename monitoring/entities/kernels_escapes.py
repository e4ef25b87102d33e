"""Compiled readers of what stands for a character: escapes, look-alikes, and the words "at" and "dot".

They work on UTF-8 bytes at one place, in constant time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "DROPPED",
    "Bytes",
    "Ints",
    "escaped",
    "is_alnum",
    "is_digit",
    "is_word",
    "number_at",
    "plain_of",
    "spelled_at",
    "spelled_word",
]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

# In the table of plain characters: this one has no look and vanishes. Other values are ASCII, 0 is "leave it".
DROPPED = 1

_SPELLED_REACH = 64
# JSON in JSON in JSON doubles them each time.
_MOST_BACKSLASHES = 8


@njit(cache=True, nogil=True)
def number_at(values: NDArray[Any], at: int) -> int:
    """Return one value as a whole number that shifts and differences do not overflow."""
    return np.int64(values[at])  # type: ignore[return-value]  # to numba they are the same


@njit(cache=True, nogil=True)
def is_digit(byte: int) -> bool:
    """Tell whether a byte is an ASCII digit."""
    return 48 <= byte <= 57


@njit(cache=True, nogil=True)
def is_alnum(byte: int) -> bool:
    """Tell whether a byte is an ASCII letter or digit."""
    return 48 <= byte <= 57 or 97 <= (byte | 0x20) <= 122


@njit(cache=True, nogil=True)
def _hex(byte: int) -> int:
    """Return the value of a hexadecimal digit, -1 for anything else."""
    if 48 <= byte <= 57:
        return byte - 48
    lower = byte | 0x20
    return lower - 87 if 97 <= lower <= 102 else -1


@njit(cache=True, nogil=True)
def _character(buffer: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Return a character's code and its number of bytes; a byte that begins none is its own."""
    byte = number_at(buffer, at)
    if byte < 0xC2:
        return byte, 1
    if byte < 0xE0 and at + 1 < stop:
        return (byte & 0x1F) << 6 | (buffer[at + 1] & 0x3F), 2
    if 0xE0 <= byte < 0xF0 and at + 2 < stop:
        return (byte & 0x0F) << 12 | (number_at(buffer, at + 1) & 0x3F) << 6 | (buffer[at + 2] & 0x3F), 3
    if 0xF0 <= byte < 0xF5 and at + 3 < stop:
        high = (byte & 0x07) << 18 | (number_at(buffer, at + 1) & 0x3F) << 12
        return high | (number_at(buffer, at + 2) & 0x3F) << 6 | (buffer[at + 3] & 0x3F), 4
    return byte, 1


@njit(cache=True, nogil=True)
def plain_of(buffer: Bytes, at: int, stop: int, plain: Bytes) -> tuple[int, int]:
    """Return what a character beyond ASCII stands for, 0 for itself, and its number of bytes."""
    code, width = _character(buffer, at, stop)
    if code < 0x80 or code >= plain.shape[0]:
        return 0, width
    return number_at(plain, code), width


@njit(cache=True, nogil=True)
def _code_of(buffer: Bytes, at: int, stop: int, count: int, base: int) -> int:
    """Return the number written in exactly `count` digits of a base, -1 where they are none."""
    if at + count > stop:
        return -1
    code = 0
    for k in range(at, at + count):
        value = _hex(number_at(buffer, k))
        if value < 0 or value >= base:
            return -1
        code = code * base + value
    return code


@njit(cache=True, nogil=True)
def _number_to(buffer: Bytes, at: int, stop: int, base: int, closing: int) -> tuple[int, int]:
    """Return a number of one to seven digits and where it ends behind `closing`; -1 without one."""
    code = 0
    k = at
    while k < stop and k < at + 7 and 0 <= _hex(number_at(buffer, k)) < base:
        code = code * base + _hex(number_at(buffer, k))
        k += 1
    if k == at:
        return -1, at
    if k < stop and buffer[k] == closing:
        return code, k + 1
    # HTML forgives a missing semicolon, braces must close; without one a line break is no character of a form.
    return (code, k) if closing == 0x3B and code >= 0x20 else (-1, at)


@njit(cache=True, nogil=True)
def _named(buffer: Bytes, at: int, stop: int, names: Bytes, offsets: Ints, values: Bytes) -> tuple[int, int]:
    """Return the character of a named HTML entity whose name begins at `at`, and where it ends; -1 for none."""
    for name in range(values.shape[0]):
        size = offsets[name + 1] - offsets[name]
        if at + size < stop and buffer[at + size] == 0x3B:
            same = True
            for k in range(size):
                if buffer[at + k] != names[offsets[name] + k]:
                    same = False
                    break
            if same:
                return number_at(values, name), at + size + 1
    return -1, at


@njit(cache=True, nogil=True)
def escaped(buffer: Bytes, at: int, stop: int, names: Bytes, offsets: Ints, values: Bytes) -> tuple[int, int]:
    """Return the code that an escape beginning at `at` stands for, and where it ends; -1 for none.

    It reads percent escapes, also of percent signs; backslash escapes with u, U and x, and those of line breaks,
    quotes and slashes, behind one backslash or more; entities of HTML, numbered and named, also of ampersands.
    """
    byte = buffer[at]
    if byte == 0x25:
        k = at + 1
        while (
            k + 3 < stop
            and buffer[k] == 0x32
            and buffer[k + 1] == 0x35
            and _code_of(buffer, k + 2, stop, 2, 16) >= 0
        ):
            k += 2
        code = _code_of(buffer, k, stop, 2, 16)
        return (code, k + 2) if code >= 0 else (-1, at)
    if byte == 0x26:
        k = at + 1
        while (
            k + 4 < stop
            and buffer[k] == 0x61
            and buffer[k + 1] == 0x6D
            and buffer[k + 2] == 0x70
            and buffer[k + 3] == 0x3B
        ):
            k += 4
        if k + 1 < stop and buffer[k] == 0x23:
            if buffer[k + 1] | 0x20 == 0x78:
                return _number_to(buffer, k + 2, stop, 16, 0x3B)
            return _number_to(buffer, k + 1, stop, 10, 0x3B)
        code, end = _named(buffer, k, stop, names, offsets, values)
        if code < 0 and k > at + 1:
            return 0x26, k
        return code, end
    k = at
    while k < stop and k < at + _MOST_BACKSLASHES and buffer[k] == 0x5C:
        k += 1
    if k >= stop:
        return -1, at
    letter = buffer[k]
    if letter == 0x75 and k + 1 < stop and buffer[k + 1] == 0x7B:
        return _number_to(buffer, k + 2, stop, 16, 0x7D)
    size = 4 if letter == 0x75 else 2 if letter == 0x78 else 8 if letter == 0x55 else 0
    if size > 0:
        code = _code_of(buffer, k + 1, stop, size, 16)
        return (code, k + 1 + size) if code >= 0 else (-1, at)
    if letter == 0x6E or letter == 0x72 or letter == 0x74:
        return 0x0A, k + 1
    if letter == 0x22 or letter == 0x27 or letter == 0x2F:
        return number_at(buffer, k), k + 1
    return -1, at


@njit(cache=True, nogil=True)
def is_word(buffer: Bytes, at: int, stop: int, first: int, second: int, third: int) -> bool:
    """Tell whether up to three letters stand at `at`, in either case; 0 is no letter."""
    if at + 3 > stop:
        return False
    if buffer[at] | 0x20 != first or buffer[at + 1] | 0x20 != second:
        return False
    return third == 0 or buffer[at + 2] | 0x20 == third


@njit(cache=True, nogil=True)
def spelled_at(buffer: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Return @ or . for `[at]`, `(at)`, `{dot}`, `<.>` and the like, and where it ends; -1 for anything else."""
    closing = buffer[at] + 1 if buffer[at] == 0x28 else buffer[at] + 2
    k = at + 1
    while k < stop and k < at + 3 and buffer[k] == 0x20:
        k += 1
    if k + 1 >= stop:
        return -1, at
    sign = -1
    if buffer[k] == 0x40:
        sign, k = 0x40, k + 1
    elif buffer[k] == 0x2E:
        sign, k = 0x2E, k + 1
    elif is_word(buffer, k, stop, 0x61, 0x74, 0):
        sign, k = 0x40, k + 2
    elif (
        k + 3 < stop
        and buffer[k] == 0xC3
        and (buffer[k + 1] == 0xA4 or buffer[k + 1] == 0x84)
        and buffer[k + 2] | 0x20 == 0x74
    ):
        sign, k = 0x40, k + 3
    elif is_word(buffer, k, stop, 0x64, 0x6F, 0x74):
        sign, k = 0x2E, k + 3
    while k < stop and k < at + 9 and buffer[k] == 0x20:
        k += 1
    if sign < 0 or k >= stop or buffer[k] != closing:
        return -1, at
    return sign, k + 1


@njit(cache=True, nogil=True)
def spelled_word(buffer: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Return @ or . for ` at `, ` dot ` or ` @ ` between the words of an address, and where it ends; -1 for others.

    ` at ` counts where a word and a dot follow, spelled or not.
    """
    if at + 4 < stop and is_word(buffer, at + 1, stop, 0x64, 0x6F, 0x74) and buffer[at + 4] == 0x20:
        return 0x2E, at + 5
    if at + 3 < stop and buffer[at + 1] == 0x40 and buffer[at + 2] == 0x20:
        return 0x40, at + 3
    if not (at + 3 < stop and is_word(buffer, at + 1, stop, 0x61, 0x74, 0) and buffer[at + 3] == 0x20):
        return -1, at
    return (0x40, at + 4) if _is_host(buffer, at + 4, stop) else (-1, at)


@njit(cache=True, nogil=True)
def _label_end(buffer: Bytes, at: int, stop: int) -> int:
    """Return where a word of a host name that begins at `at` ends."""
    k = at
    while (
        k < stop
        and k < at + _SPELLED_REACH
        and (is_alnum(buffer[k]) or buffer[k] == 0x2D or buffer[k] >= 0x80)
    ):
        k += 1
    return k


@njit(cache=True, nogil=True)
def _is_host(buffer: Bytes, at: int, stop: int) -> bool:
    """Tell whether words with dots between them, spelled or not, stand at `at`, and no further at sign behind."""
    k = _label_end(buffer, at, stop)
    if k == at:
        return False
    dots = 0
    while k < stop and dots < 8:
        begin = k
        if buffer[k] == 0x2E:
            begin = k + 1
        elif (
            buffer[k] == 0x20
            and is_word(buffer, k + 1, stop, 0x64, 0x6F, 0x74)
            and k + 4 < stop
            and buffer[k + 4] == 0x20
        ):
            begin = k + 5
        else:
            j = k
            while j < stop and j < k + 2 and buffer[j] == 0x20:
                j += 1
            if j < stop and (
                buffer[j] == 0x28 or buffer[j] == 0x5B or buffer[j] == 0x7B or buffer[j] == 0x3C
            ):
                sign, end = spelled_at(buffer, j, stop)
                if sign == 0x40:
                    return False
                if sign == 0x2E:
                    begin = end
                    while begin < stop and begin < end + 2 and buffer[begin] == 0x20:
                        begin += 1
        end = _label_end(buffer, begin, stop) if begin > k else k
        if end == begin:
            break
        dots += 1
        k = end
    if dots == 0:
        return False
    if k < stop and (buffer[k] == 0x40 or buffer[k] == 0x26 or buffer[k] == 0x25 or buffer[k] == 0x5C):
        return False
    behind = k + 3 < stop and buffer[k] == 0x20 and buffer[k + 3] == 0x20
    return not (behind and is_word(buffer, k + 1, stop, 0x61, 0x74, 0))
