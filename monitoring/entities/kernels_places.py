"""Compiled passes that find what no plain pattern matches: at signs, secrets and disguises.

They run in time linear in their input, release the interpreter lock, and are cached on disk by
numba.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.entities.kernels import join_columns
from monitoring.entities.kernels_escapes import (
    DROPPED,
    Bytes,
    Ints,
    escaped,
    is_alnum,
    is_digit,
    is_word,
    number_at,
    plain_of,
    spelled_at,
)
from monitoring.entities.kernels_names import names_secret

__all__ = ["find_places", "find_spelled"]

# The kinds of places, as `kernels` names them: an address, a secret, a disguise.
_ADDRESS, _SECRET, _DISGUISE = 1, 64, 128

# Bytes before and after a sign. A local part or a host name has at most 64 characters of four
# bytes, and an escaped character has up to six bytes. After the name of a secret, 128 characters
# are read.
_ADDRESS_BEFORE, _ADDRESS_AFTER = 288, 400
_SECRET_BEFORE, _SECRET_AFTER = 64, 400
_DISGUISE_BEFORE, _DISGUISE_AFTER = 240, 400
_SLACK = 64
# This value is no byte, so it bounds a place by nothing.
_NO_EDGE = 256

# Fewer digits around a separator are no identifier.
_DIGITS_AROUND, _LOOK_AROUND = 7, 32
_TWO_YEARS = 8


def _suspects() -> NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for byte in b"@%&\\([{<=:>_-":
        table[byte] = 1
    # The first bytes of invisible characters, foreign digits and look-alikes of signs.
    for byte in (0xC2, 0xCD, 0xD8, 0xD9, 0xDB, 0xDF, 0xE0, 0xE1, 0xE2, 0xE3, 0xEA, 0xEF, 0xF0, 0xF3):
        table[byte] = 1
    return table


_SUSPECT = _suspects()


@njit(cache=True, nogil=True)
def _belongs(byte: int) -> bool:
    """Tell whether a byte may stand inside an identifier that is written in groups."""
    if byte >= 0x80 or 65 <= byte <= 90 or byte == 0x20 or byte == 0x5F:
        return True
    return byte == 0x28 or byte == 0x29 or 0x2D <= byte <= 0x39


@njit(cache=True, nogil=True)
def _joins_digits(buffer: Bytes, low: int, begin: int, end: int, stop: int) -> bool:
    """Tell whether a separator stands between digits of one identifier, which years are not."""
    left = begin
    digits = 0
    while left > low and begin - left < _LOOK_AROUND and _belongs(buffer[left - 1]):
        left -= 1
        digits += is_digit(buffer[left])
    right = end
    while right < stop and right - end < _LOOK_AROUND and _belongs(buffer[right]):
        digits += is_digit(buffer[right])
        right += 1
    if digits == _TWO_YEARS:
        before = begin
        while before > low and is_digit(buffer[before - 1]):
            before -= 1
        if begin - before == _TWO_YEARS // 2:
            return False
    return digits >= _DIGITS_AROUND


@njit(cache=True, nogil=True)
def _is_thousands(buffer: Bytes, at: int, stop: int) -> bool:
    """Tell whether an underscore groups thousands, as in 1_000_000."""
    k = at + 1
    while k < stop and is_digit(buffer[k]):
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
    """Tell whether a disguised character stands where an identifier has a plain one."""
    byte = buffer[at]
    before = number_at(buffer, at - 1) if at > low else 0
    if byte == 0x25 or byte == 0x26 or byte == 0x5C:
        code, end = escaped(buffer, at, stop, names, offsets, values)
        if code < 0:
            return False
        after = number_at(buffer, end) if end < stop else 0
        if (
            byte == 0x5C
            and (buffer[end - 1] == 0x6E or buffer[end - 1] == 0x72 or buffer[end - 1] == 0x74)
            and code == 0x0A
        ):
            return is_digit(after) or after == 0x2B or (is_alnum(after) and _at_sign_near(buffer, end, stop))
        if byte == 0x5C:
            return code != 0x22 and code != 0x27 and code != 0x2F
        told = code == 0x40 or code == 0x3D or code == 0x3A or code == 0x2B or code == 0x2E
        # Letters, digits and low lines are escaped only to hide them, and so are hyphens in an
        # address (RFC 3986, 2.3).
        told = told or is_alnum(code) or code == 0x5F or (code == 0x2D and byte == 0x25)
        return told or is_digit(before) or is_digit(after)
    if byte == 0x28 or byte == 0x5B or byte == 0x7B or byte == 0x3C:
        return spelled_at(buffer, at, stop)[0] >= 0
    if byte == 0x40:
        return before == 0x20 and at + 2 < stop and buffer[at + 1] == 0x20 and is_alnum(buffer[at + 2])
    if byte == 0x5F:
        if not (is_digit(before) and at + 1 < stop and is_digit(buffer[at + 1])):
            return False
        return not _is_thousands(buffer, at, stop) and _joins_digits(buffer, low, at, at + 1, stop)
    if byte == 0x2D:
        if not (before == 0x20 and at > low + 1 and is_digit(buffer[at - 2]) and at + 2 < stop):
            return False
        return (
            buffer[at + 1] == 0x20
            and is_digit(buffer[at + 2])
            and _joins_digits(buffer, low, at, at + 1, stop)
        )
    value, width = plain_of(buffer, at, stop, plain)
    if value == 0:
        return False
    end = at + width
    after = number_at(buffer, end) if end < stop else 0
    if value == DROPPED:
        inner = is_alnum(before) or before == 0x40 or before == 0x2E or before == 0x2D
        return inner and (is_alnum(after) or after == 0x40 or after == 0x2E or after == 0x2D)
    if value == 0x40:
        return True
    if is_digit(value):
        following = 0
        if after >= 0x80:
            following = plain_of(buffer, end, stop, plain)[0]
        return is_digit(before) or is_digit(after) or following > DROPPED
    if value == 0x3D or value == 0x3A:
        return names_secret(buffer, low, at, words, bounds)
    if value == 0x2D or value == 0x20 or value == 0x2E or value == 0x5F:
        return _joins_digits(buffer, low, at, end, stop)
    return False


@njit(cache=True, nogil=True)
def _window(
    buffer: Bytes, low: int, at: int, stop: int, before: int, after: int, edge: int
) -> tuple[int, int]:
    """Return bounds around a byte up to an `edge`, widened to white space or whole characters."""
    first = at
    bound = max(low, at - before)
    while first > bound and buffer[first - 1] != edge:
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
    while last < bound and buffer[last] != edge:
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
def _is_ordinary(buffer: Bytes, low: int, at: int, stop: int, byte: int) -> bool:
    """Tell quickly whether a sign has no meaning here, as most signs of a text."""
    if at == low or at + 2 >= stop:
        return False
    before = number_at(buffer, at - 1)
    after = number_at(buffer, at + 1)
    if byte == 0x2D:
        return before != 0x20 or after != 0x20
    if byte == 0x5F:
        return not (is_digit(before) and is_digit(after))
    if byte == 0x28 or byte == 0x5B or byte == 0x7B or byte == 0x3C:
        letter = after | 0x20
        return (
            letter != 0x61
            and letter != 0x64
            and after != 0x40
            and after != 0x2E
            and after != 0x20
            and after != 0xC3
        )
    if byte == 0xE2:
        third = buffer[at + 2]
        return after == 0x80 and (
            third == 0x98 or third == 0x99 or third == 0x9C or third == 0x9D or third == 0xA6
        )
    # Of the characters with this first byte only the ideographic space is read. The others are
    # kana and punctuation.
    return byte == 0xE3 and after != 0x80


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
) -> Ints:
    """Return the places around at signs, named secrets and disguises.

    A row is (text number, first byte, end byte, kind). Places of one kind that overlap are joined.
    `plain` gives by code what a character stands for. `names`, `offsets` and `values` are the
    entities of HTML. `words` and `bounds` are the last words of the names of secrets.
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
            if _SUSPECT[byte] == 0 or _is_ordinary(buffer, low, at, stop, byte):
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
                # A place that reaches half as far is enough, so that many signs in a row stay
                # cheap.
                if latest >= 0 and at + after // 2 <= ends[latest]:
                    continue
                if kind == _SECRET and not names_secret(buffer, low, at, words, bounds):
                    continue
                if kind == _DISGUISE and not _hides(
                    buffer, low, at, stop, plain, names, offsets, values, words, bounds
                ):
                    continue
                first, last = _window(
                    buffer, low, at, stop, before, after, 0x0A if kind == _ADDRESS else _NO_EDGE
                )
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
    return join_columns(count, owners, begins, ends, kinds)


@njit(cache=True, nogil=True)
def find_spelled(
    buffer: Bytes,
    starts: Ints,
    ids: NDArray[np.uint32],
    begins: NDArray[np.int32],
    offsets: Ints,
    told: NDArray[np.uint32],
) -> Ints:
    """Return the places around words with which addresses are spelled.

    A row is (text number, first byte, end byte, DISGUISE). `told` holds the hash of "dot", and then
    those of mail providers, which count behind ` at `.
    """
    owners = np.empty(ids.shape[0], dtype=np.int32)
    firsts = np.empty(ids.shape[0], dtype=np.int64)
    lasts = np.empty(ids.shape[0], dtype=np.int64)
    count = 0
    # One look-up excludes almost every word that is not in `told`.
    ends = np.zeros(256, dtype=np.uint8)
    for k in range(told.shape[0]):
        ends[told[k] & np.uint32(255)] = 1
    for text in range(starts.shape[0] - 1):
        low = starts[text]
        stop = starts[text + 1]
        for word in range(offsets[text], offsets[text + 1]):
            value = ids[word]
            if ends[value & np.uint32(255)] == 0:
                continue
            known = False
            for k in range(told.shape[0]):
                known = known or value == told[k]
            if not known:
                continue
            at = number_at(begins, word)
            if at <= low + 3 or buffer[at - 1] != 0x20:
                continue
            if count > 0 and owners[count - 1] == text and at + _DISGUISE_AFTER // 2 <= lasts[count - 1]:
                continue
            if value != told[0] and not (
                is_word(buffer, at - 3, stop, 0x61, 0x74, 0) and buffer[at - 4] == 0x20
            ):
                continue
            first, last = _window(buffer, low, at, stop, _DISGUISE_BEFORE, _DISGUISE_AFTER, _NO_EDGE)
            if count > 0 and owners[count - 1] == text and first <= lasts[count - 1]:
                lasts[count - 1] = max(last, lasts[count - 1])
                continue
            owners[count] = text
            firsts[count] = first
            lasts[count] = last
            count += 1
    return join_columns(count, owners, firsts, lasts, np.full(count, _DISGUISE, dtype=np.uint8))
