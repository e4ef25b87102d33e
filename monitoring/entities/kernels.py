"""Compiled passes that find the few places of a text in which an identifier could stand.

`kernels_places` finds the other places: around at signs, behind names of secrets, and in disguises.
All passes run in time linear in their input, release the interpreter lock, and are cached on disk
by numba.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "ADDRESS",
    "COLONS",
    "DISGUISE",
    "KEY",
    "NUMBER",
    "SECRET",
    "TOKEN",
    "WORDS",
    "find_regions",
    "find_windows",
    "join_columns",
]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

# The kinds of regions: an at sign, enough digits for an identifier, a token of letters and digits,
# groups between colons or dots as in network addresses, the head of a private key, a trigger word,
# a secret behind its name, and a disguise.
ADDRESS, NUMBER, TOKEN, COLONS, KEY, WORDS, SECRET, DISGUISE = 1, 2, 4, 8, 16, 32, 64, 128

_MIN_DIGITS = 6
# Characters with more digits are a chain of numbers, and none of those stands alone.
_MOST_DIGITS = 256
_MIN_TOKEN, _LONG_TOKEN = 16, 40
_MIN_MIXED = 4
_FISCAL_CODE = 16
_MAX_CAPITALS = 4
_MAX_GAP = 2
_WINDOW_BEFORE, _WINDOW_AFTER, _WINDOW_SLACK = 64, 112, 32

_BREAK, _DIGIT, _UPPER, _LOWER, _DOT, _COLON, _AT, _JOINT = 0, 1, 2, 4, 8, 16, 32, 64
# A run of letters and signs without any of these is skipped.
_TELLING = _DIGIT | _COLON | _AT


def _byte_classes() -> NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for byte in b"0123456789":
        table[byte] = _DIGIT
    for byte in range(26):
        table[65 + byte] = _UPPER
        table[97 + byte] = _LOWER
    for byte in b"-_/+()#=%&~!":
        table[byte] = _JOINT
    table[ord(".")] = _DOT
    table[ord(":")] = _COLON
    table[ord("@")] = _AT
    return table


_CLASS = _byte_classes()


@njit(cache=True, nogil=True)
def _is_key(run: int, digits: int, letters: int) -> bool:
    # One in a thousand random tokens of 43 letters and digits has no digit.
    return run >= _MIN_TOKEN and letters > 0 and (digits > 0 or run >= _LONG_TOKEN)


@njit(cache=True, nogil=True)
def _holds_head(buffer: Bytes, begin: int, end: int) -> bool:
    """Tell whether a chunk holds the dashes and the first letter of `-----BEGIN`."""
    dashes = 0
    for at in range(begin, end):
        if dashes >= 5 and buffer[at] == 0x42:
            return True
        dashes = dashes + 1 if buffer[at] == 0x2D else 0
    return False


@njit(cache=True, nogil=True)
def _describe(buffer: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Return the number of digits in a chunk and the kinds that it suggests."""
    digits = upper = lower = others = dots = colons = ats = 0
    run = run_digits = run_letters = 0
    hexadecimal = True
    kind = 0
    for at in range(begin, end):
        byte = buffer[at]
        group = _CLASS[byte]
        if group == _DIGIT:
            digits += 1
            run_digits += 1
        elif group == _LOWER or group == _UPPER:
            if group == _LOWER:
                lower += 1
            else:
                upper += 1
            run_letters += 1
            if (byte | 0x20) > 0x66:
                hexadecimal = False
        elif group == _DOT:
            dots += 1
        elif group == _COLON:
            colons += 1
        elif group == _AT:
            ats += 1
        else:
            others += 1
        if group <= _LOWER or byte == 0x2D or byte == 0x5F:  # - and _ stand inside keys
            run += 1
        else:
            if _is_key(run, run_digits, run_letters):
                kind |= TOKEN
            run = run_digits = run_letters = 0
    if _is_key(run, run_digits, run_letters):
        kind |= TOKEN
    if ats > 0:
        kind |= ADDRESS
    if digits >= _MIN_MIXED and upper >= _MIN_MIXED - 1 and lower == 0:
        kind |= NUMBER
    # In an Italian fiscal code letters may stand for all digits.
    if digits + upper == _FISCAL_CODE and lower == 0:
        kind |= NUMBER
    hardware = hexadecimal and digits + upper + lower == 12 and (others >= 5 or dots >= 2)
    if hardware or (colons >= 2 and (hexadecimal or digits > 0)) or (dots >= 3 and digits >= 4):
        kind |= COLONS
    if end - begin >= 10 and others >= 5 and upper >= 5 and _holds_head(buffer, begin, end):
        kind |= KEY
    return digits, kind


@njit(cache=True, nogil=True)
def _are_spaces(buffer: Bytes, begin: int, end: int) -> bool:
    spaces = 0
    for at in range(begin, end):
        spaces += buffer[at] == 0x20
    return spaces == end - begin


@njit(cache=True, nogil=True)
def join_columns(count: int, owners: NDArray[np.int32], begins: Ints, ends: Ints, kinds: Bytes) -> Ints:
    """Return the first `count` places as rows; one array is handed to Python sooner than four."""
    rows = np.empty((count, 4), dtype=np.int64)
    for at in range(count):
        rows[at, 0] = owners[at]
        rows[at, 1] = begins[at]
        rows[at, 2] = ends[at]
        rows[at, 3] = kinds[at]
    return rows


@njit(cache=True, nogil=True)
def find_regions(buffer: Bytes, starts: Ints) -> Ints:
    """Return the regions that are searched closely.

    A row is (text number, first byte, end byte, kinds). A region is a run of chunks with digits, or
    with up to four capitals, that lie one or two spaces apart, because numbers are often written in
    groups. A chunk has no white space. The positions are relative to the buffer.
    """
    texts = starts.shape[0] - 1
    room = buffer.shape[0] // 4 + 2
    owners = np.empty(room, dtype=np.int32)
    begins = np.empty(room, dtype=np.int64)
    ends = np.empty(room, dtype=np.int64)
    kinds = np.empty(room, dtype=np.uint8)
    count = 0
    for text in range(texts):
        at = starts[text]
        stop = starts[text + 1]
        opened = False
        first = last = at
        digits = kind = 0
        while True:
            seen = 0
            while at < stop and _CLASS[buffer[at]] == _BREAK:
                at += 1
            begin = at
            while at < stop and _CLASS[buffer[at]] != _BREAK:
                seen |= _CLASS[buffer[at]]
                at += 1
            own = own_kind = 0
            long = at - begin >= _FISCAL_CODE and seen & _LOWER == 0
            if long or seen & _TELLING or (seen & (_JOINT | _DOT) and at - begin >= 10):
                own, own_kind = _describe(buffer, begin, at)
            short = at - begin <= 2 or (seen & _LOWER == 0 and at - begin <= _MAX_CAPITALS)
            linkable = at > begin and (own > 0 or own_kind != 0 or short)
            if opened and not (linkable and begin - last <= _MAX_GAP and _are_spaces(buffer, last, begin)):
                if digits >= _MIN_DIGITS:
                    kind |= NUMBER
                if kind != 0:
                    owners[count] = text
                    begins[count] = first
                    ends[count] = last
                    kinds[count] = kind
                    count += 1
                opened = False
            if at == begin:
                break
            if linkable:
                if not opened:
                    opened = True
                    first = begin
                    digits = kind = 0
                if own <= _MOST_DIGITS:
                    digits += own
                kind |= own_kind
                last = at
    return join_columns(count, owners, begins, ends, kinds)


@njit(cache=True, nogil=True)
def find_windows(
    buffer: Bytes,
    starts: Ints,
    ids: NDArray[np.uint32],
    begins: NDArray[np.int32],
    ends: NDArray[np.int32],
    offsets: Ints,
    table: NDArray[np.uint32],
) -> Ints:
    """Return the windows around words of a hash table that have digits near them.

    A row is (text number, first byte, end byte, WORDS). `table` uses open addressing; its length is
    a power of two, and 0 is a free slot. Windows that overlap are joined. Each window ends at a
    break or at a character boundary.
    """
    mask = np.uint32(table.shape[0] - 1)
    owners = np.empty(ids.shape[0], dtype=np.int32)
    firsts = np.empty(ids.shape[0], dtype=np.int64)
    lasts = np.empty(ids.shape[0], dtype=np.int64)
    count = 0
    for text in range(starts.shape[0] - 1):
        low = starts[text]
        high = starts[text + 1]
        for word in range(offsets[text], offsets[text + 1]):
            value = ids[word]
            slot = value & mask
            while table[slot] != 0 and table[slot] != value:
                slot = (slot + np.uint32(1)) & mask
            if table[slot] == 0:
                continue
            first = max(low, np.int64(begins[word]) - _WINDOW_BEFORE)
            last = min(high, np.int64(ends[word]) + _WINDOW_AFTER)
            # The option of a command needs no digits around it.
            own = np.int64(begins[word])
            digit = own > low + 1 and buffer[own - 1] == 0x2D and buffer[own - 2] == 0x2D
            for at in range(first, last):
                if 48 <= buffer[at] <= 57:
                    digit = True
                    break
            if not digit:
                continue
            reach = 0
            while first > low and reach < _WINDOW_SLACK and buffer[first - 1] > 0x20:
                first -= 1
                reach += 1
            while first > low and (buffer[first] & 0xC0) == 0x80:
                first -= 1
            reach = 0
            while last < high and reach < _WINDOW_SLACK and buffer[last] > 0x20:
                last += 1
                reach += 1
            while last < high and (buffer[last] & 0xC0) == 0x80:
                last += 1
            if count > 0 and owners[count - 1] == text and first <= lasts[count - 1]:
                lasts[count - 1] = max(last, lasts[count - 1])
            else:
                owners[count] = text
                firsts[count] = first
                lasts[count] = last
                count += 1
    return join_columns(count, owners, firsts, lasts, np.full(count, WORDS, dtype=np.uint8))
