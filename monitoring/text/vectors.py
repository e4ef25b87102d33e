"""Static word vectors: the meaning of words, their information, and their base forms.

The table holds about 60,000 English words with 96 dimensions of one byte each. It is distilled by
`benchmarks/train/vectors.py`, which names its sources. Words are looked up by the hashes of
`Prepared.words`. Everything is computed once per batch and field, and shared between evaluators.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.models import TextField
from monitoring.text.kernels import scan_words
from monitoring.text.kernels_vectors import (
    FREE,
    align_texts,
    find_rows,
    measure_overlap,
    pool_words,
    share_known,
)
from monitoring.text.prepared import Prepared, Words

__all__ = [
    "Meanings",
    "Overlap",
    "VectorTable",
    "align",
    "cosine",
    "embed",
    "find_words",
    "known_share",
    "load_table",
    "lookup",
    "overlap",
    "pool",
]

_WEIGHTS = Path(__file__).parents[1] / "weights" / "vectors.npz"
# Words in more than about a third of all texts say nothing about a subject, and are not pooled.
_LEAST_INFORMATION = 1.0

Floats = NDArray[np.float32]


class VectorTable(NamedTuple):
    """The table: row r is the word whose FNV-1a hash is `ids[r]` (ascending).

    `vectors` int8 (rows, 96) times `scales` gives vectors of length 1. `information` is the inverse
    document frequency of a word in nats, and `unknown` that of a word without a row. `bases` is the
    row of the base form (`named` -> `name`). `pooling` is the factor of a row in `pool`. `slots` is
    the open-addressing index.
    """

    ids: NDArray[np.uint32]
    vectors: NDArray[np.int8]
    scales: Floats
    information: Floats
    unknown: float
    bases: NDArray[np.int32]
    pooling: Floats
    slots: NDArray[np.uint64]


class Meanings(NamedTuple):
    """One entry per word of a field.

    `rows` is the row of the word or of its known beginning (`orchestra's`), or -1. `keys` is the
    hash of its base form, by which the same word is recognised. `information` is in nats, and
    `unknown` if the whole word has no row.
    """

    rows: NDArray[np.int32]
    keys: NDArray[np.uint32]
    information: Floats


class Overlap(NamedTuple):
    """Per record, how much of the information of distinct words two fields share, each 0..1.

    `first` and `second` are the shares of either field that the other one has; `both` is symmetric.
    """

    first: Floats
    second: Floats
    both: Floats


@cache
def load_table() -> VectorTable:
    """Load the table, 8 MB, once per process; processes that are forked later share it."""
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


def find_words(batch: Prepared, field: TextField) -> Meanings:
    """Look up the field's words; the result is aligned with `batch.words(field)`."""
    return batch.shared(
        ("vectors", "words", field), lambda: _find(batch.words(field), batch.encoded(field).buffer)
    )


def pool(batch: Prepared, field: TextField) -> Floats:
    """Return one vector of length 1 per record: its words weighted by information, or 0.

    Unknown words resemble themselves and no other word.
    """
    return batch.shared(
        ("vectors", "pool", field), lambda: _pool(batch.words(field), find_words(batch, field).rows)
    )


def cosine(batch: Prepared, first: TextField, second: TextField) -> Floats:
    """Return the cosine of the vectors of two fields by record, 0 where either has none."""

    def compute() -> Floats:
        cosines: Floats = (pool(batch, first) * pool(batch, second)).sum(axis=1)
        return cosines

    return batch.shared(("vectors", "cosine", first, second), compute)


def known_share(batch: Prepared, field: TextField) -> Floats:
    """Return the share 0..1 of the field's words that the table knows; 0 without words."""
    return batch.shared(
        ("vectors", "known", field),
        lambda: share_known(find_words(batch, field).rows, batch.words(field).offsets),
    )


def overlap(batch: Prepared, first: TextField, second: TextField) -> Overlap:
    """Compare the distinct words of two fields by base form and information."""
    return batch.shared(("vectors", "overlap", first, second), lambda: _overlap(batch, first, second))


def align(batch: Prepared, first: TextField, second: TextField) -> Floats:
    """Return how well the words of two fields find a partner of like meaning in the other, 0..1.

    Texts of more than 24 words are compared by runs of words. The result is symmetric, and 1 for
    identical texts.
    """
    return batch.shared(("vectors", "align", first, second), lambda: _align(batch, first, second))


def embed(texts: tuple[str, ...]) -> Floats:
    """Return one vector of length 1 per text outside any batch, such as a topic's description."""
    words, buffer = _split(texts)
    return _pool(words, _find(words, buffer).rows)


def lookup(text: str) -> NDArray[np.int32]:
    """Return the rows of the words of a text outside any batch, -1 for unknown words."""
    return _find(*_split((text,))).rows


def _split(texts: tuple[str, ...]) -> tuple[Words, NDArray[np.uint8]]:
    encoded = [text.encode() for text in texts]
    starts = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in encoded], out=starts[1:])
    buffer = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return Words(*scan_words(buffer, starts)), buffer


def _index(ids: NDArray[np.uint32]) -> NDArray[np.uint64]:
    size = 1 << (2 * ids.size - 1).bit_length()
    entries = (ids.astype(np.uint64) << np.uint64(32)) | np.arange(ids.size, dtype=np.uint64)
    place = ids.astype(np.int64) & (size - 1)
    slots = np.full(size, FREE, dtype=np.uint64)
    # All words advance together: each round gives every free slot to one of the words that want it.
    while entries.size:
        free = slots[place] == FREE
        slots[place[free]] = entries[free]
        homeless = slots[place] != entries
        entries, place = entries[homeless], (place[homeless] + 1) & (size - 1)
    return slots


def _find(words: Words, buffer: NDArray[np.uint8]) -> Meanings:
    table = load_table()
    return Meanings(
        *find_rows(
            words.ids,
            words.begins,
            words.ends,
            buffer,
            table.slots,
            table.ids,
            table.bases,
            table.information,
            np.float32(table.unknown),
        )
    )


def _pool(words: Words, rows: NDArray[np.int32]) -> Floats:
    table = load_table()
    return pool_words(words.ids, rows, words.offsets, table.vectors, table.pooling, np.float32(table.unknown))


def _align(batch: Prepared, first: TextField, second: TextField) -> Floats:
    table = load_table()
    return align_texts(
        _weighed(batch, first),
        batch.words(first).offsets,
        _weighed(batch, second),
        batch.words(second).offsets,
        table.vectors,
        table.pooling,
        np.float32(table.unknown),
    )


def _weighed(batch: Prepared, field: TextField) -> tuple[NDArray[np.uint32], NDArray[np.int32], Floats]:
    found = find_words(batch, field)
    return batch.words(field).ids, found.rows, found.information


def _overlap(batch: Prepared, first: TextField, second: TextField) -> Overlap:
    one, two = find_words(batch, first), find_words(batch, second)
    measured = measure_overlap(
        one.keys,
        one.information,
        batch.words(first).offsets,
        two.keys,
        two.information,
        batch.words(second).offsets,
    )
    return Overlap(*measured)
