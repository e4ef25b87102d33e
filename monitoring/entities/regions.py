"""The stretches of a field that are worth a closer look, in characters of each record's text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.entities import personal
from monitoring.entities.kernels import ADDRESS, KEY, WORDS, find_regions, find_windows
from monitoring.entities.positions import Characters, Place
from monitoring.models import TextField
from monitoring.text.kernels import scan_words
from monitoring.text.prepared import Prepared

__all__ = ["Region", "regions_of"]

# A private key is read this far beyond its first line; of a text full of first lines only the first are.
_KEY_LENGTH, _MOST_KEYS = 8192, 20


class Region(NamedTuple):
    """A stretch of one record's text to look at: character offsets and the kinds of `kernels`."""

    record: int
    start: int
    end: int
    kinds: int


def regions_of(
    batch: Prepared, field: TextField, places: Iterable[Place], overfull: set[int] | None
) -> list[Region]:
    """Return the regions of a field: those of `places` and those that digits, tokens and words suggest.

    Records with too many private keys are added to `overfull`.
    """
    encoded = batch.encoded(field)
    found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    columns = (column.tolist() for column in find_regions(encoded.buffer, encoded.starts))
    for owner, begin, end, kind in zip(*columns, strict=True):
        # At signs have places of their own: a name before one may hold what ends a run of plain characters.
        if kind & ~ADDRESS:
            found[owner].append((begin, end, kind & ~ADDRESS))
    windows = find_windows(encoded.buffer, encoded.starts, *batch.words(field), _trigger_table())
    for owner, begin, end in zip(*(column.tolist() for column in windows), strict=True):
        found[owner].append((begin, end, WORDS))
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
    """Return the hashes of the trigger words, open-addressed in a table four times their number."""
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
