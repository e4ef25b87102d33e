"""The regions of a field that are searched closely, in characters of each record's text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.entities import personal
from monitoring.entities.kernels import ADDRESS, KEY, find_regions, find_windows
from monitoring.entities.positions import Characters, Place
from monitoring.models import TextField
from monitoring.text.kernels import scan_words
from monitoring.text.prepared import Prepared

__all__ = ["Region", "regions_of"]

# This many characters of a private key are read beyond its first line, and this many keys per text.
_KEY_LENGTH, _MOST_KEYS = 8192, 20


class Region(NamedTuple):
    """A part of one record's text to search: character offsets and kinds (see `kernels`)."""

    record: int
    start: int
    end: int
    kinds: int


def regions_of(
    batch: Prepared, field: TextField, places: Iterable[Place], overfull: set[int] | None
) -> list[Region]:
    """Return the regions of a field: those of `places`, and those of digits, tokens and words.

    Records with too many private keys are added to `overfull`.
    """
    encoded = batch.encoded(field)
    found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for owner, begin, end, kind in find_regions(encoded.buffer, encoded.starts).tolist():
        # At signs have places of their own, because the name before one may be longer than a
        # region.
        if kind & ~ADDRESS:
            found[owner].append((begin, end, kind & ~ADDRESS))
    windows = find_windows(encoded.buffer, encoded.starts, *batch.words(field), _trigger_table())
    for owner, begin, end, kind in windows.tolist():
        found[owner].append((begin, end, kind))
    for place in places:
        found[place.record].append((place.begin, place.end, place.kind))
    texts = batch.texts(field)
    regions = []
    for record, stretches in found.items():
        character = Characters(encoded, record, len(texts[record]))
        keys = 0
        for begin, end, kind in stretches:
            keys += bool(kind & KEY)
            reach = character[end] + (_KEY_LENGTH if kind & KEY and keys <= _MOST_KEYS else 0)
            regions.append(Region(record, character[begin], reach, kind))
        if keys > _MOST_KEYS and overfull is not None:
            overfull.add(record)
    return regions


@cache
def _trigger_table() -> NDArray[np.uint32]:
    """Return the hashes of the trigger words, in an open-addressing table four times as long."""
    size = 1 << (4 * len(personal.TRIGGERS)).bit_length()
    table = np.zeros(size, dtype=np.uint32)
    for word in personal.TRIGGERS:
        encoded = np.frombuffer(word.encode(), dtype=np.uint8)
        value = scan_words(encoded, np.array([0, len(encoded)], dtype=np.int64))[0][0]
        slot = int(value) & (size - 1)
        while table[slot]:
            slot = (slot + 1) & (size - 1)
        table[slot] = value
    return table
