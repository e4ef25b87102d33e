"""Compiled counts of how a response is written: its lines, its marks and its classes of words.

Each count takes one pass.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitoring.text.kernels_lexicon import look_up

__all__ = [
    "CLASSES",
    "FIXED",
    "FORMS",
    "KINDS",
    "NUMBER_WORD",
    "REQUESTS",
    "UNIT",
    "UNITS",
    "WORDS",
    "count_forms",
    "count_words",
    "read_requests",
]

Bytes = NDArray[np.uint8]
Ids = NDArray[np.uint32]
Offsets = NDArray[np.int64]
Positions = NDArray[np.int32]
Counts = NDArray[np.float32]

# The columns of count_forms, in this order:
#
# - bytes; lines with text; paragraphs
# - lines that are a bullet, a numbered item, a heading, a row of a table
# - fences of code; bytes of code; bold marks
# - question marks; exclamation marks; lines that end with a colon
# - digits; commas; opening brackets; quotation marks
# - web addresses; capitals; letters; dashes between words
# - bytes of the longest line; marks of formulas; bytes of lists
FORMS = 24
(
    BYTES,
    LINES,
    PARAGRAPHS,
    BULLETS,
    NUMBERED,
    HEADINGS,
    TABLE_ROWS,
    FENCES,
    CODE,
    BOLD,
    QUESTIONS,
    EXCLAMATIONS,
    COLONS,
    DIGITS,
    COMMAS,
    BRACKETS,
    QUOTES,
    ADDRESSES,
    CAPITALS,
    LETTERS,
    DASHES,
    LONGEST,
    FORMULAS,
    LISTED,
) = range(FORMS)


# The column in which a byte counts. FORMS means that the byte says nothing, and _JOINED that it
# depends on its neighbours.
_JOINED = FORMS + 1


def _byte_kinds() -> NDArray[np.uint8]:
    table = np.full(256, FORMS, dtype=np.uint8)
    for byte in range(128):
        if chr(byte).isalpha():
            table[byte] = LETTERS if chr(byte).islower() else CAPITALS
        elif chr(byte).isdigit():
            table[byte] = DIGITS
    for byte, column in zip(
        b',?!("$\\', (COMMAS, QUESTIONS, EXCLAMATIONS, BRACKETS, QUOTES, FORMULAS, FORMULAS), strict=True
    ):
        table[byte] = column
    table[list(b"*-/\xe2")] = _JOINED
    return table


_KIND = _byte_kinds()


@njit(cache=True, nogil=True)
def count_forms(buffer: Bytes, starts: Offsets) -> Counts:
    """Count lines and marks of each text, shape (n, FORMS).

    The comment at FORMS names the columns.
    """
    texts = starts.shape[0] - 1
    out = np.zeros((texts, FORMS), dtype=np.float32)
    marks = np.zeros(FORMS + 1, dtype=np.int64)
    for text in range(texts):
        row = out[text]
        first, stop = starts[text], starts[text + 1]
        row[BYTES] = stop - first
        marks[:] = 0
        code = False
        blank = True
        at = first
        while at < stop:
            end = at
            while end < stop and buffer[end] != 10:
                end += 1
            begin = at
            while begin < end and buffer[begin] <= 32:
                begin += 1
            final = end
            while final > begin and buffer[final - 1] <= 32:
                final -= 1
            if final == begin:
                blank = True
                at = end + 1
                continue
            row[LINES] += 1
            row[PARAGRAPHS] += 1 if blank else 0
            blank = False
            row[LONGEST] = max(row[LONGEST], final - begin)
            last = buffer[final - 1]
            head = buffer[begin]
            second = buffer[begin + 1] if begin + 1 < final else np.uint8(0)
            third = buffer[begin + 2] if begin + 2 < final else np.uint8(0)
            if head == 96 and second == 96 and third == 96:
                row[FENCES] += 1
                code = not code
                at = end + 1
                continue
            if code:
                row[CODE] += final - begin
                at = end + 1
                continue
            if ((head == 42 or head == 45 or head == 43) and second == 32) or (
                head == 0xE2 and second == 0x80 and third == 0xA2
            ):
                row[BULLETS] += 1
                row[LISTED] += final - begin
            elif 48 <= head <= 57:
                digit = begin
                while digit < final and 48 <= buffer[digit] <= 57:
                    digit += 1
                if (
                    digit - begin <= 3
                    and digit + 1 < final
                    and (buffer[digit] == 46 or buffer[digit] == 41)
                    and buffer[digit + 1] == 32
                ):
                    row[NUMBERED] += 1
                    row[LISTED] += final - begin
            elif head == 35 and (second == 35 or second == 32):
                row[HEADINGS] += 1
            elif head == 124:
                row[TABLE_ROWS] += 1
            elif head == 42 and second == 42 and last == 42:
                row[HEADINGS] += 1
            if last == 58:
                row[COLONS] += 1
            before = np.uint8(10)
            for k in range(begin, final):
                byte = buffer[k]
                kind = _KIND[byte]
                if kind < _JOINED:
                    marks[kind] += 1
                elif byte == 42:
                    marks[BOLD] += 1 if before == 42 else 0
                elif byte == 45:
                    marks[DASHES] += 1 if before == 32 else 0
                elif byte == 47:
                    marks[ADDRESSES] += 1 if before == 47 and k > begin + 1 and buffer[k - 2] == 58 else 0
                elif k + 2 < final and buffer[k + 1] == 0x80:
                    if buffer[k + 2] == 0x93 or buffer[k + 2] == 0x94:
                        marks[DASHES] += 1
                    elif buffer[k + 2] == 0x9C:
                        marks[QUOTES] += 1
                before = byte
            at = end + 1
        for column in range(FORMS):
            row[column] += marks[column]
        row[LETTERS] += row[CAPITALS]
    return out


# The columns of count_words, in this order:
#
# - words
# - distinct words, and those among the first 50 words
# - words of seven bytes and more
# - words without a row
# - information
# - distinct informative words that the prompt lacks, and those that it has
# - words that the prompt has, among the first twelve and among the last thirty
# - words per class: of all, of the first FIRST and of the last LAST words
FIXED = 10
CLASSES = 18
WORDS = FIXED + 2 * CLASSES
COUNT, DISTINCT, DISTINCT_FIRST, LONG, UNKNOWN, INFORMATION, NEW, TAKEN, OPENS_TAKEN, ENDS_TAKEN = range(
    FIXED
)
WINDOW, FIRST, LAST = 50, 12, 30
_LONG = 7
_INFORMATIVE = 2.5


@njit(cache=True, nogil=True)
def count_words(
    ids: Ids,
    begins: Positions,
    ends: Positions,
    offsets: Offsets,
    rows: NDArray[np.int32],
    forms: Ids,
    information: NDArray[np.float32],
    prompt_forms: Ids,
    prompt_offsets: Offsets,
    keys: Ids,
    classes: Bytes,
) -> Counts:
    """Count the words of each response, shape (n, WORDS).

    The comment at FIXED names the columns. `rows`, `forms` and `information` are those of
    `find_words`, one per word. `keys` and `classes` are the table of classes 1..CLASSES.
    """
    texts = offsets.shape[0] - 1
    out = np.zeros((texts, WORDS), dtype=np.float32)
    most = 1
    for text in range(texts):
        most = max(
            most,
            offsets[text + 1] - offsets[text] + prompt_offsets[text + 1] - prompt_offsets[text],
        )
    size = 16
    while size < 2 * most:
        size *= 2
    # A slot holds the index of the text plus 1, the word, and two bits for its places: 1 is the
    # prompt, 2 the response, 3 both.
    slots = np.zeros(size, dtype=np.uint64)
    two = np.uint64(2)
    for text in range(texts):
        first, stop = offsets[text], offsets[text + 1]
        count = stop - first
        row = out[text]
        row[COUNT] = count
        room = 16
        while room < 2 * (count + prompt_offsets[text + 1] - prompt_offsets[text]):
            room *= 2
        mask = np.uint64(room - 1)
        owner = np.uint64(text + 1) << np.uint64(32)
        for at in range(prompt_offsets[text], prompt_offsets[text + 1]):
            word = prompt_forms[at]
            entry = owner | np.uint64(word)
            slot = np.uint64(word ^ (word >> np.uint32(15))) & mask
            while slots[slot] >> two != entry and slots[slot] >> np.uint64(34) == np.uint64(text + 1):
                slot = (slot + np.uint64(1)) & mask
            slots[slot] = entry << two | np.uint64(1)
        for at in range(first, stop):
            word = forms[at]
            entry = owner | np.uint64(word)
            slot = np.uint64(word ^ (word >> np.uint32(15))) & mask
            while slots[slot] >> two != entry and slots[slot] >> np.uint64(34) == np.uint64(text + 1):
                slot = (slot + np.uint64(1)) & mask
            said = information[at]
            found = slots[slot]
            where = found & np.uint64(3) if found >> two == entry else np.uint64(0)
            if where <= 1:
                row[DISTINCT] += 1
                row[DISTINCT_FIRST] += 1 if at - first < WINDOW else 0
                if said >= _INFORMATIVE:
                    row[NEW if where == 0 else TAKEN] += 1
                where |= two
                slots[slot] = entry << two | where
            if where == 3:
                row[OPENS_TAKEN] += 1 if at - first < FIRST else 0
                row[ENDS_TAKEN] += 1 if stop - at <= LAST else 0
            row[LONG] += 1 if ends[at] - begins[at] >= _LONG else 0
            row[UNKNOWN] += 1 if rows[at] < 0 else 0
            row[INFORMATION] += said
            kind = look_up(keys, classes, ids[at])
            if kind:
                column = FIXED + kind - 1
                row[column] += 1
                if at - first < FIRST:
                    row[column + CLASSES] += 1
    return out


# The columns of read_requests, in this order:
#
# - words
# - words per class 1..KINDS among the first and last READ words
# - the number that is asked for
# - its unit: words, sentences, paragraphs, lines, or anything else as items
KINDS = 14
UNITS = 5
REQUESTS = 1 + KINDS + 1 + UNITS
_READ = 60
NUMBER_WORD, UNIT = 100, 120
_AHEAD = 4
_LIST = 2
_MOST = 1000


@njit(cache=True, nogil=True)
def read_requests(
    buffer: Bytes, ids: Ids, begins: Positions, ends: Positions, offsets: Offsets, keys: Ids, classes: Bytes
) -> Counts:
    """Read what each prompt asks for, shape (n, REQUESTS).

    The comment at KINDS names the columns. Classes from 100 on are the numbers from 1 on as words.
    Classes from 121 on are the units in the order of the columns.
    """
    texts = offsets.shape[0] - 1
    out = np.zeros((texts, REQUESTS), dtype=np.float32)
    for text in range(texts):
        first, stop = offsets[text], offsets[text + 1]
        row = out[text]
        row[0] = stop - first
        for at in range(first, stop):
            if at - first >= _READ and stop - at > _READ:
                continue
            kind = look_up(keys, classes, ids[at])
            if 0 < kind <= KINDS:
                row[kind] += 1
            elif kind == UNIT + UNITS:
                row[_LIST] += 1  # named items are a list
            number = 0
            if NUMBER_WORD < kind <= UNIT:
                number = int(kind) - NUMBER_WORD
            elif 48 <= buffer[begins[at]] <= 57 and ends[at] - begins[at] <= 4:
                for k in range(begins[at], ends[at]):
                    number = number * 10 + buffer[k] - 48 if 48 <= buffer[k] <= 57 else _MOST + 1
                    if number > _MOST:
                        break
            if number < 1 or number > _MOST or row[KINDS + 1] > 0:
                continue
            for near in range(at + 1, min(stop, at + _AHEAD)):
                unit = look_up(keys, classes, ids[near])
                if unit > UNIT:
                    row[KINDS + 1] = number
                    row[KINDS + 1 + unit - UNIT] = 1
                    break
    return out
