"""Compiled passes over what stands in the way of a form: signs to look around, and encoded characters.

`find_places` and `find_spelled` name the few stretches of a text that hold an at sign, a secret behind its name, or
a disguise; `reveal` writes such a stretch in plain characters and remembers where each came from. Both run in time linear
in their input, release the interpreter lock and are cached on disk by numba.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["DROPPED", "find_places", "find_spelled", "reveal"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

# In the table of plain characters: this one has no look and vanishes. Other values are ASCII, 0 is "leave it".
DROPPED = 1

# The kinds of places, as regions name them (`kernels`): an address, a secret, a disguise.
_ADDRESS, _SECRET, _DISGUISE = 1, 64, 128

# Bytes before and after a sign: a local part or a host name has at most 64 characters of four bytes, and an
# escaped character has up to six; what follows the name of a secret is read for 128 characters.
_ADDRESS_BEFORE, _ADDRESS_AFTER = 288, 400
_SECRET_BEFORE, _SECRET_AFTER = 64, 400
_DISGUISE_BEFORE, _DISGUISE_AFTER = 240, 400
_SLACK = 64

# Fewer digits around a separator make no identifier.
_DIGITS_AROUND, _LOOK_AROUND = 7, 32
_TWO_YEARS = 8
_SPELLED_REACH = 64
# JSON in JSON in JSON doubles them each time.
_MOST_BACKSLASHES = 8


def _suspects() -> NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for byte in b"@%&\\([{<=:>_-":
        table[byte] = 1
    # The leading bytes of invisible characters, foreign digits and look-alikes of signs.
    for byte in (0xC2, 0xCD, 0xD8, 0xD9, 0xDB, 0xDF, 0xE0, 0xE1, 0xE2, 0xE3, 0xEA, 0xEF, 0xF0, 0xF3):
        table[byte] = 1
    return table


_SUSPECT = _suspects()


@njit(cache=True, nogil=True)
def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57


@njit(cache=True, nogil=True)
def _is_alnum(byte: int) -> bool:
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
    byte = np.int64(buffer[at])
    if byte < 0xC2:
        return byte, 1
    if byte < 0xE0 and at + 1 < stop:
        return (byte & 0x1F) << 6 | (buffer[at + 1] & 0x3F), 2
    if 0xE0 <= byte < 0xF0 and at + 2 < stop:
        return (byte & 0x0F) << 12 | np.int64(buffer[at + 1] & 0x3F) << 6 | (buffer[at + 2] & 0x3F), 3
    if 0xF0 <= byte < 0xF5 and at + 3 < stop:
        high = (byte & 0x07) << 18 | np.int64(buffer[at + 1] & 0x3F) << 12
        return high | np.int64(buffer[at + 2] & 0x3F) << 6 | (buffer[at + 3] & 0x3F), 4
    return byte, 1


@njit(cache=True, nogil=True)
def _plain_of(buffer: Bytes, at: int, stop: int, plain: Bytes) -> tuple[int, int]:
    """Return what a character beyond ASCII stands for, 0 for itself, and its number of bytes."""
    code, width = _character(buffer, at, stop)
    if code < 0x80 or code >= plain.shape[0]:
        return 0, width
    return np.int64(plain[code]), width


@njit(cache=True, nogil=True)
def _code_of(buffer: Bytes, at: int, stop: int, count: int, base: int) -> int:
    """Return the number written in exactly `count` digits of a base, -1 where they are none."""
    if at + count > stop:
        return -1
    code = 0
    for k in range(at, at + count):
        value = _hex(np.int64(buffer[k]))
        if value < 0 or value >= base:
            return -1
        code = code * base + value
    return code


@njit(cache=True, nogil=True)
def _number_to(buffer: Bytes, at: int, stop: int, base: int, closing: int) -> tuple[int, int]:
    """Return a number of one to seven digits and where it ends behind `closing`; -1 without one."""
    code = 0
    k = at
    while k < stop and k < at + 7 and 0 <= _hex(np.int64(buffer[k])) < base:
        code = code * base + _hex(np.int64(buffer[k]))
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
                return np.int64(values[name]), at + size + 1
    return -1, at


@njit(cache=True, nogil=True)
def _escaped(buffer: Bytes, at: int, stop: int, names: Bytes, offsets: Ints, values: Bytes) -> tuple[int, int]:
    """Return the code that an escape beginning at `at` stands for, and where it ends; -1 for none.

    It reads %40, %2540, =40 not; \\x40, \\u0040, \\u{40}, \\U00000040 behind one backslash or more, and \\n, \\r, \\t;
    &#64;, &#x40;, &commat; and those again behind &amp;.
    """
    byte = buffer[at]
    if byte == 0x25:
        k = at + 1
        while k + 3 < stop and buffer[k] == 0x32 and buffer[k + 1] == 0x35 and _code_of(buffer, k + 2, stop, 2, 16) >= 0:
            k += 2
        code = _code_of(buffer, k, stop, 2, 16)
        return (code, k + 2) if code >= 0 else (-1, at)
    if byte == 0x26:
        k = at + 1
        while k + 4 < stop and buffer[k] == 0x61 and buffer[k + 1] == 0x6D and buffer[k + 2] == 0x70 and buffer[k + 3] == 0x3B:
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
        return np.int64(letter), k + 1
    return -1, at


@njit(cache=True, nogil=True)
def _is_word(buffer: Bytes, at: int, stop: int, first: int, second: int, third: int) -> bool:
    """Tell whether up to three letters stand at `at`, in either case; 0 is no letter."""
    if at + 3 > stop:
        return False
    if buffer[at] | 0x20 != first or buffer[at + 1] | 0x20 != second:
        return False
    return third == 0 or buffer[at + 2] | 0x20 == third


@njit(cache=True, nogil=True)
def _spelled_at(buffer: Bytes, at: int, stop: int) -> tuple[int, int]:
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
    elif _is_word(buffer, k, stop, 0x61, 0x74, 0):
        sign, k = 0x40, k + 2
    elif k + 3 < stop and buffer[k] == 0xC3 and (buffer[k + 1] == 0xA4 or buffer[k + 1] == 0x84) and buffer[k + 2] | 0x20 == 0x74:
        sign, k = 0x40, k + 3
    elif _is_word(buffer, k, stop, 0x64, 0x6F, 0x74):
        sign, k = 0x2E, k + 3
    while k < stop and k < at + 9 and buffer[k] == 0x20:
        k += 1
    if sign < 0 or k >= stop or buffer[k] != closing:
        return -1, at
    return sign, k + 1


@njit(cache=True, nogil=True)
def _spelled_word(buffer: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Return @ or . for ` at `, ` dot ` or ` @ ` between the words of an address, and where it ends; -1 for others.

    ` at ` counts where a word and a dot follow, spelled or not.
    """
    if at + 4 < stop and _is_word(buffer, at + 1, stop, 0x64, 0x6F, 0x74) and buffer[at + 4] == 0x20:
        return 0x2E, at + 5
    if at + 3 < stop and buffer[at + 1] == 0x40 and buffer[at + 2] == 0x20:
        return 0x40, at + 3
    if not (at + 3 < stop and _is_word(buffer, at + 1, stop, 0x61, 0x74, 0) and buffer[at + 3] == 0x20):
        return -1, at
    return (0x40, at + 4) if _is_host(buffer, at + 4, stop) else (-1, at)


@njit(cache=True, nogil=True)
def _label_end(buffer: Bytes, at: int, stop: int) -> int:
    """Return where a word of a host name that begins at `at` ends."""
    k = at
    while k < stop and k < at + _SPELLED_REACH and (_is_alnum(buffer[k]) or buffer[k] == 0x2D or buffer[k] >= 0x80):
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
        elif buffer[k] == 0x20 and _is_word(buffer, k + 1, stop, 0x64, 0x6F, 0x74) and k + 4 < stop and buffer[k + 4] == 0x20:
            begin = k + 5
        else:
            j = k
            while j < stop and j < k + 2 and buffer[j] == 0x20:
                j += 1
            if j < stop and (buffer[j] == 0x28 or buffer[j] == 0x5B or buffer[j] == 0x7B or buffer[j] == 0x3C):
                sign, end = _spelled_at(buffer, j, stop)
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
    return not (behind and _is_word(buffer, k + 1, stop, 0x61, 0x74, 0))


@njit(cache=True, nogil=True)
def _belongs(byte: int) -> bool:
    """Tell whether a byte may stand inside an identifier that is written in groups."""
    if byte >= 0x80 or 65 <= byte <= 90 or byte == 0x20 or byte == 0x5F:
        return True
    return byte == 0x28 or byte == 0x29 or 0x2D <= byte <= 0x39


@njit(cache=True, nogil=True)
def _joins_digits(buffer: Bytes, low: int, begin: int, end: int, stop: int) -> bool:
    """Tell whether a separator stands between groups of digits that could be one identifier; years are none."""
    left = begin
    digits = 0
    while left > low and begin - left < _LOOK_AROUND and _belongs(buffer[left - 1]):
        left -= 1
        digits += _is_digit(buffer[left])
    right = end
    while right < stop and right - end < _LOOK_AROUND and _belongs(buffer[right]):
        digits += _is_digit(buffer[right])
        right += 1
    if digits == _TWO_YEARS:
        before = begin
        while before > low and _is_digit(buffer[before - 1]):
            before -= 1
        if begin - before == _TWO_YEARS // 2:
            return False
    return digits >= _DIGITS_AROUND


@njit(cache=True, nogil=True)
def _is_thousands(buffer: Bytes, low: int, at: int, stop: int) -> bool:
    """Tell whether an underscore groups thousands, as in 1_000_000."""
    k = at + 1
    while k < stop and _is_digit(buffer[k]):
        k += 1
    return k - at == 4


@njit(cache=True, nogil=True)
def _at_sign_near(buffer: Bytes, at: int, stop: int) -> bool:
    """Tell whether the word that begins at `at` holds an at sign."""
    for k in range(at, min(stop, at + _SLACK)):
        if buffer[k] == 0x40:
            return True
        if buffer[k] <= 0x20 or buffer[k] == 0x5C:
            return False
    return False


@njit(cache=True, nogil=True)
def _hides(
    buffer: Bytes,
    low: int,
    at: int,
    stop: int,
    plain: Bytes,
    names: Bytes,
    offsets: Ints,
    values: Bytes,
    words: Bytes,
    bounds: Ints,
) -> bool:
    """Tell whether a character stands where an identifier has a plain one."""
    byte = buffer[at]
    before = np.int64(buffer[at - 1]) if at > low else 0
    if byte == 0x25 or byte == 0x26 or byte == 0x5C:
        code, end = _escaped(buffer, at, stop, names, offsets, values)
        if code < 0:
            return False
        after = np.int64(buffer[end]) if end < stop else 0
        if byte == 0x5C and (buffer[end - 1] == 0x6E or buffer[end - 1] == 0x72 or buffer[end - 1] == 0x74) and code == 0x0A:
            return _is_digit(after) or after == 0x2B or (_is_alnum(after) and _at_sign_near(buffer, end, stop))
        if byte == 0x5C:
            return code != 0x22 and code != 0x27 and code != 0x2F
        told = code == 0x40 or code == 0x3D or code == 0x3A or code == 0x2B or code == 0x2E or _is_digit(code)
        return told or _is_digit(before) or _is_digit(after)
    if byte == 0x28 or byte == 0x5B or byte == 0x7B or byte == 0x3C:
        return _spelled_at(buffer, at, stop)[0] >= 0
    if byte == 0x40:
        return before == 0x20 and at + 2 < stop and buffer[at + 1] == 0x20 and _is_alnum(buffer[at + 2])
    if byte == 0x5F:
        if not (_is_digit(before) and at + 1 < stop and _is_digit(buffer[at + 1])):
            return False
        return not _is_thousands(buffer, low, at, stop) and _joins_digits(buffer, low, at, at + 1, stop)
    if byte == 0x2D:
        if not (before == 0x20 and at > low + 1 and _is_digit(buffer[at - 2]) and at + 2 < stop):
            return False
        return buffer[at + 1] == 0x20 and _is_digit(buffer[at + 2]) and _joins_digits(buffer, low, at, at + 1, stop)
    value, width = _plain_of(buffer, at, stop, plain)
    if value == 0:
        return False
    end = at + width
    after = np.int64(buffer[end]) if end < stop else 0
    if value == DROPPED:
        inner = _is_alnum(before) or before == 0x40 or before == 0x2E or before == 0x2D
        return inner and (_is_alnum(after) or after == 0x40 or after == 0x2E or after == 0x2D)
    if value == 0x40:
        return True
    if _is_digit(value):
        following = 0
        if after >= 0x80:
            following = _plain_of(buffer, end, stop, plain)[0]
        return _is_digit(before) or _is_digit(after) or following > DROPPED
    if value == 0x3D or value == 0x3A:
        return _names_secret(buffer, low, at, words, bounds)
    if value == 0x2D or value == 0x20 or value == 0x2E or value == 0x5F:
        return _joins_digits(buffer, low, at, end, stop)
    return False


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
def _names_secret(buffer: Bytes, low: int, at: int, words: Bytes, offsets: Ints) -> bool:
    """Tell whether what stands before a sign is the name of a secret, as in DATABASE_PASSWORD="…", or `-u name`."""
    end = at
    while end > low and at - end < 6 and (
        buffer[end - 1] == 0x20 or buffer[end - 1] == 0x22 or buffer[end - 1] == 0x27 or buffer[end - 1] == 0x5C
        or buffer[end - 1] == 0x5D or buffer[end - 1] == 0x60 or buffer[end - 1] == 0x2A
    ):
        end -= 1
    if end <= low or not (buffer[end - 1] >= 0x80 or 97 <= buffer[end - 1] | 0x20 <= 122):
        return False
    if _ends_with(buffer, low, end, words, offsets):
        return True
    if end != at or buffer[at] != 0x3A:
        return False
    begin = end
    while begin > low and end - begin < 40 and buffer[begin - 1] > 0x20 and buffer[begin - 1] != 0x22 and buffer[begin - 1] != 0x27:
        begin -= 1
    while begin > low and end - begin < 44 and (buffer[begin - 1] == 0x20 or buffer[begin - 1] == 0x22 or buffer[begin - 1] == 0x27):
        begin -= 1
    return begin > low + 2 and (buffer[begin - 1] == 0x75 or buffer[begin - 1] == 0x72) and (
        buffer[begin - 2] == 0x2D or (buffer[begin - 2] == 0x65 and begin > low + 6 and buffer[begin - 5] == 0x2D)
    )


@njit(cache=True, nogil=True)
def _window(buffer: Bytes, low: int, at: int, stop: int, before: int, after: int, lines: bool) -> tuple[int, int]:
    """Return the bounds of what surrounds a byte, widened to white space or a character boundary."""
    first = at
    bound = max(low, at - before)
    while first > bound and not (lines and buffer[first - 1] == 0x0A):
        first -= 1
    if first == bound:
        reach = 0
        while first > low and reach < _SLACK and buffer[first - 1] > 0x20:
            first -= 1
            reach += 1
    while first > low and (buffer[first] & 0xC0) == 0x80:
        first -= 1
    last = at + 1
    bound = min(stop, at + after)
    while last < bound and not (lines and buffer[last] == 0x0A):
        last += 1
    if last == bound:
        reach = 0
        while last < stop and reach < _SLACK and buffer[last] > 0x20:
            last += 1
            reach += 1
    while last < stop and (buffer[last] & 0xC0) == 0x80:
        last += 1
    return first, last


@njit(cache=True, nogil=True)
def find_places(
    buffer: Bytes,
    starts: Ints,
    plain: Bytes,
    names: Bytes,
    offsets: Ints,
    values: Bytes,
    words: Bytes,
    bounds: Ints,
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Return (text number, first byte, end byte, kind) of what surrounds at signs, named secrets and disguises.

    Places of one kind that overlap are joined. `plain` says by code what a character stands for; `names`,
    `offsets`, `values` are the entities of HTML, `words`, `bounds` the last words of the names of secrets.
    """
    room = 64
    owners = np.empty(room, dtype=np.int32)
    begins = np.empty(room, dtype=np.int64)
    ends = np.empty(room, dtype=np.int64)
    kinds = np.empty(room, dtype=np.uint8)
    count = 0
    for text in range(starts.shape[0] - 1):
        low = starts[text]
        stop = starts[text + 1]
        latest_address = latest_secret = latest_disguise = -1
        for at in range(low, stop):
            byte = buffer[at]
            if _SUSPECT[byte] == 0:
                continue
            for kind in (_ADDRESS, _SECRET, _DISGUISE):
                if kind == _ADDRESS:
                    if byte != 0x40:
                        continue
                    latest = latest_address
                    before, after = _ADDRESS_BEFORE, _ADDRESS_AFTER
                elif kind == _SECRET:
                    if byte != 0x3D and byte != 0x3A and byte != 0x3E:
                        continue
                    latest = latest_secret
                    before, after = _SECRET_BEFORE, _SECRET_AFTER
                else:
                    latest = latest_disguise
                    before, after = _DISGUISE_BEFORE, _DISGUISE_AFTER
                    if byte == 0x3D or byte == 0x3A or byte == 0x3E:
                        continue
                # A place that reaches half as far will do, which keeps many signs in a row cheap.
                if latest >= 0 and at + after // 2 <= ends[latest]:
                    continue
                if kind == _SECRET and not _names_secret(buffer, low, at, words, bounds):
                    continue
                if kind == _DISGUISE and not _hides(
                    buffer, low, at, stop, plain, names, offsets, values, words, bounds
                ):
                    continue
                first, last = _window(buffer, low, at, stop, before, after, kind == _ADDRESS)
                if latest >= 0 and first <= ends[latest]:
                    ends[latest] = max(last, ends[latest])
                    continue
                if count == room:
                    room *= 4
                    owners = np.concatenate((owners, np.empty(room - count, dtype=np.int32)))
                    begins = np.concatenate((begins, np.empty(room - count, dtype=np.int64)))
                    ends = np.concatenate((ends, np.empty(room - count, dtype=np.int64)))
                    kinds = np.concatenate((kinds, np.empty(room - count, dtype=np.uint8)))
                owners[count] = text
                begins[count] = first
                ends[count] = last
                kinds[count] = kind
                if kind == _ADDRESS:
                    latest_address = count
                elif kind == _SECRET:
                    latest_secret = count
                else:
                    latest_disguise = count
                count += 1
    return owners[:count].copy(), begins[:count].copy(), ends[:count].copy(), kinds[:count].copy()


@njit(cache=True, nogil=True)
def find_spelled(
    buffer: Bytes, starts: Ints, ids: NDArray[np.uint32], begins: NDArray[np.int32], offsets: Ints, told: NDArray[np.uint32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Return (text number, first byte, end byte) around words that addresses are spelled with.

    `told` holds the hash of "dot", then those of mail providers, which count behind ` at `.
    """
    owners = np.empty(ids.shape[0], dtype=np.int32)
    firsts = np.empty(ids.shape[0], dtype=np.int64)
    lasts = np.empty(ids.shape[0], dtype=np.int64)
    count = 0
    for text in range(starts.shape[0] - 1):
        low = starts[text]
        stop = starts[text + 1]
        for word in range(offsets[text], offsets[text + 1]):
            value = ids[word]
            known = False
            for k in range(told.shape[0]):
                known = known or value == told[k]
            if not known:
                continue
            at = np.int64(begins[word])
            if at <= low + 3 or buffer[at - 1] != 0x20:
                continue
            if count > 0 and owners[count - 1] == text and at + _DISGUISE_AFTER // 2 <= lasts[count - 1]:
                continue
            if value != told[0] and not (_is_word(buffer, at - 3, stop, 0x61, 0x74, 0) and buffer[at - 4] == 0x20):
                continue
            first, last = _window(buffer, low, at, stop, _DISGUISE_BEFORE, _DISGUISE_AFTER, False)
            if count > 0 and owners[count - 1] == text and first <= lasts[count - 1]:
                lasts[count - 1] = max(last, lasts[count - 1])
                continue
            owners[count] = text
            firsts[count] = first
            lasts[count] = last
            count += 1
    return owners[:count].copy(), firsts[:count].copy(), lasts[:count].copy()


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
        code = np.int64(byte)
        end = at + 1
        spelled = False
        if byte == 0x25 or byte == 0x26 or byte == 0x5C:
            value, after = _escaped(buffer, at, stop, names, offsets, values)
            if value >= 0:
                code, end = value, after
                if byte != 0x25 and 0x80 <= code < plain.shape[0] and plain[code] > 0:
                    code = np.int64(plain[code])
        elif byte == 0x28 or byte == 0x5B or byte == 0x7B or byte == 0x3C:
            value, after = _spelled_at(buffer, at, stop)
            if value >= 0:
                code, end, spelled = value, after, True
                while count > 0 and shown[count - 1] == 0x20:
                    count -= 1
        elif byte == 0x20:
            value, after = _spelled_word(buffer, at, stop)
            if value >= 0:
                code, end, spelled = value, after, True
        elif byte == 0x5F and count > 0 and _is_digit(shown[count - 1]) and end < stop and _is_digit(buffer[end]):
            code = 0x2D
        elif byte >= 0x80:
            value, width = _plain_of(buffer, at, stop, plain)
            end = at + width
            code = value if value > 0 else -1
        if spelled:
            while end < stop and buffer[end] == 0x20:
                end += 1
        if code == 0x2D and count > 1 and shown[count - 1] == 0x20 and _is_digit(shown[count - 2]):
            if end + 1 < stop and buffer[end] == 0x20 and _is_digit(buffer[end + 1]):
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
