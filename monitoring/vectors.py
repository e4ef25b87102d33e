"""Static word vectors: what a word is about, how much it says, and which words are its forms.

The table holds about 60,000 English words with 96 dimensions of one byte each. It is distilled by
`benchmarks/train/vectors.py`, which names its sources, and is found by the hashes of `Prepared.words`.
Everything here is computed once per batch and field and shared between evaluators.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.kernels import scan_words
from monitoring.kernels_vectors import (
    align_texts,
    find_rows,
    measure_overlap,
    pool_words,
    share_known,
)
from monitoring.models import TextField
from monitoring.prepared import Prepared, Words

__all__ = [
    "Forms",
    "Overlap",
    "VectorTable",
    "WordRows",
    "align",
    "embed",
    "find_forms",
    "find_words",
    "known_share",
    "load_table",
    "overlap",
    "pool",
]

_WEIGHTS = Path(__file__).parent / "weights" / "vectors.npz"
# Words in more than about a third of all texts say nothing about a subject and are not pooled.
_LEAST_INFORMATION = 1.0

Floats = NDArray[np.float32]


class VectorTable(NamedTuple):
    """The table: row r is the word whose FNV-1a hash is `ids[r]` (ascending).

    `vectors` int8 (rows, 96), to be multiplied by `scales`, give vectors of length 1; `information` is
    the word's inverse document frequency in nats and `unknown` that of a word without a row; `bases` is
    the row of its base form (`named` -> `name`); `pooling` is the factor of a row in `pool`; `slots` is
    the open-addressing index.
    """

    ids: NDArray[np.uint32]
    vectors: NDArray[np.int8]
    scales: Floats
    information: Floats
    unknown: float
    bases: NDArray[np.int32]
    pooling: Floats
    slots: NDArray[np.int32]


class WordRows(NamedTuple):
    """One entry per word of a field: its row or -1, and whether the whole word (not its stem) has one."""

    rows: NDArray[np.int32]
    whole: NDArray[np.bool_]


class Forms(NamedTuple):
    """One entry per word of a field: the hash of its base form, and its information in nats."""

    keys: NDArray[np.uint32]
    information: Floats


class Overlap(NamedTuple):
    """Per record, how much of the information of distinct words two fields share, each 0..1.

    `first` and `second` are the shares of either field that the other has; `both` is symmetric.
    """

    first: Floats
    second: Floats
    both: Floats


@cache
def load_table() -> VectorTable:
    """Load the table, 8 MB, once per process; processes forked afterwards share it."""
    with np.load(_WEIGHTS, allow_pickle=False) as stored:
        ids = stored["ids"]
        vectors = stored["vectors"]
        information = stored["information"].astype(np.float32)
        scales = stored["scales"].astype(np.float32)
        unknown = float(stored["unknown"])
        bases = stored["bases"]
    return VectorTable(
        ids=ids,
        vectors=vectors,
        scales=scales,
        information=information,
        unknown=unknown,
        bases=bases,
        pooling=np.where(information < _LEAST_INFORMATION, 0, information * scales).astype(np.float32),
        slots=_index(ids),
    )


def find_words(batch: Prepared, field: TextField) -> WordRows:
    """Return the rows of the field's words, aligned with `batch.words(field)`."""
    return batch.shared(("vectors", "rows", field), lambda: _find(batch.words(field), batch, field))


def find_forms(batch: Prepared, field: TextField) -> Forms:
    """Return the base forms and information of the field's words, aligned with `batch.words(field)`."""
    return batch.shared(("vectors", "forms", field), lambda: _forms(batch, field))


def pool(batch: Prepared, field: TextField) -> Floats:
    """Return one vector of length 1 per record: its words weighted by information, 0 where none speaks.

    Unknown words are like themselves and unlike all others.
    """
    return batch.shared(("vectors", "pool", field), lambda: _pool(batch, field))


def known_share(batch: Prepared, field: TextField) -> Floats:
    """Return the share 0..1 of the field's words that the table knows, 0 for a text without words."""
    return batch.shared(
        ("vectors", "known", field),
        lambda: share_known(find_words(batch, field).rows, batch.words(field).offsets),
    )


def overlap(batch: Prepared, first: TextField, second: TextField) -> Overlap:
    """Compare the distinct words of two fields by base form and information."""
    return batch.shared(("vectors", "overlap", first, second), lambda: _overlap(batch, first, second))


def align(batch: Prepared, first: TextField, second: TextField) -> Floats:
    """Return how well the words of either field find a partner of like meaning in the other, 0..1.

    Texts of more than 32 words are compared by runs of words; symmetric, and 1 for identical texts.
    """
    return batch.shared(("vectors", "align", first, second), lambda: _align(batch, first, second))


def embed(texts: tuple[str, ...]) -> Floats:
    """Return one vector of length 1 per text that belongs to no batch, such as a topic's description."""
    encoded = [text.encode() for text in texts]
    starts = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in encoded], out=starts[1:])
    buffer = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    words = Words(*scan_words(buffer, starts))
    table = load_table()
    rows, _ = find_rows(words.ids, words.begins, words.ends, buffer, table.ids, table.slots)
    unknown = np.float32(table.unknown)
    return pool_words(words.ids, rows, words.offsets, table.vectors, table.pooling, unknown)


def _index(ids: NDArray[np.uint32]) -> NDArray[np.int32]:
    size = 1 << (2 * ids.size - 1).bit_length()
    slots = np.full(size, -1, dtype=np.int32)
    waiting = np.arange(ids.size, dtype=np.int32)
    place = ids.astype(np.int64) & (size - 1)
    # All rows step together: each round gives every free slot to one of the rows that want it.
    while waiting.size:
        free = slots[place] < 0
        slots[place[free]] = waiting[free]
        homeless = slots[place] != waiting
        waiting, place = waiting[homeless], (place[homeless] + 1) & (size - 1)
    return slots


def _find(words: Words, batch: Prepared, field: TextField) -> WordRows:
    table = load_table()
    return WordRows(
        *find_rows(words.ids, words.begins, words.ends, batch.encoded(field).buffer, table.ids, table.slots)
    )


def _forms(batch: Prepared, field: TextField) -> Forms:
    table = load_table()
    rows, whole = find_words(batch, field)
    keys = np.where(rows >= 0, table.ids[table.bases[rows]], batch.words(field).ids)
    information = np.where(whole, table.information[rows], np.float32(table.unknown))
    return Forms(keys, information)


def _pool(batch: Prepared, field: TextField) -> Floats:
    table = load_table()
    words = batch.words(field)
    rows = find_words(batch, field).rows
    unknown = np.float32(table.unknown)
    return pool_words(words.ids, rows, words.offsets, table.vectors, table.pooling, unknown)


def _align(batch: Prepared, first: TextField, second: TextField) -> Floats:
    table = load_table()
    return align_texts(
        _meant(batch, first),
        batch.words(first).offsets,
        _meant(batch, second),
        batch.words(second).offsets,
        table.vectors,
        table.pooling,
        np.float32(table.unknown),
    )


def _meant(batch: Prepared, field: TextField) -> tuple[NDArray[np.uint32], NDArray[np.int32], Floats]:
    return batch.words(field).ids, find_words(batch, field).rows, find_forms(batch, field).information


def _overlap(batch: Prepared, first: TextField, second: TextField) -> Overlap:
    one, two = find_forms(batch, first), find_forms(batch, second)
    measured = measure_overlap(*one, batch.words(first).offsets, *two, batch.words(second).offsets)
    of_first, of_second, by_first, by_second = measured.T
    return Overlap(
        _ratio(by_first, of_first),
        _ratio(by_second, of_second),
        _ratio(by_first + by_second, of_first + of_second),
    )


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
