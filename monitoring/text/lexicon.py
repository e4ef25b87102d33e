"""Small tables of hashed words, shared by all code that looks up words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.text.kernels import scan_words

__all__ = ["WordTable", "build_table", "hash_words"]

_MAX_CLASS = 255


class WordTable(NamedTuple):
    """An open-addressing hash table: `keys` uint32 word ids, `classes` uint8 with 0 if free."""

    keys: NDArray[np.uint32]
    classes: NDArray[np.uint8]


def hash_words(text: str) -> NDArray[np.uint32]:
    """Return the ids that `Prepared.words` gives to the words of `text`."""
    buffer = np.frombuffer(text.encode("utf-8", "replace"), dtype=np.uint8)
    ids: NDArray[np.uint32] = scan_words(buffer, np.array([0, len(buffer)], dtype=np.int64))[0]
    return ids


def build_table(classes: Mapping[str, int], slots: int = 0) -> WordTable:
    """Build a table from single words to classes 1..255, of at least `slots` slots, a power of two.

    Most words of a text are in no table, and the more slots are empty the sooner that is known.

    Raises ValueError for an entry that is not one word, for a class out of range, and for two words
    of different classes with the same hash.
    """
    size = max(slots, 1 << max(4, (4 * len(classes)).bit_length()))
    keys = np.zeros(size, dtype=np.uint32)
    values = np.zeros(size, dtype=np.uint8)
    for word, value in classes.items():
        ids = hash_words(word)
        if len(ids) != 1 or not 1 <= value <= _MAX_CLASS:
            raise ValueError(f"{word!r} must be one word with a class in 1..{_MAX_CLASS}, not {value}")
        slot = int(ids[0]) & (size - 1)
        while values[slot]:
            if keys[slot] == ids[0] and values[slot] != value:
                raise ValueError(f"{word!r} collides with a word of class {values[slot]}")
            if keys[slot] == ids[0]:
                break
            slot = (slot + 1) & (size - 1)
        keys[slot], values[slot] = ids[0], value
    return WordTable(keys, values)
