"""What the spelling of words says, learned from parts of words and added to the words' weights.

A linear model over sums of parts of words is a linear model over words, as in `features.meanings`.
Every known word gets the sum of the weights of its parts, and scoring costs nothing. Known words
are those of the training texts and of the English dictionary that comes with symspellpy 6.10.1
(MIT).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags_array

from monitoring.models import Record
from monitoring.signals.groups import mask_table
from monitoring.signals.kernels_linear import BUCKETS, hash_word
from monitoring.text.kernels_lexicon import look_up
from monitoring.text.prepared import Prepared

PARTS = 1 << 16
WIDTH = 4
# A part of a word with less information, in nats, says nothing. A part with more counts in full.
COMMON, RARE = 1.0, 4.5


def spell(texts: Sequence[str], matrix: csr_matrix, gain: float) -> csr_matrix:
    """Return the parts [buckets, parts] of each known word, times `gain`.

    Parts that occur in most windows count less. `matrix` holds the windows of `texts`, one row
    each.
    """
    known, _ = known_parts(texts)
    result = (known @ diags_array(part_factors(matrix @ known, gain))).tocsr()
    result.eliminate_zeros()
    return result


def known_parts(texts: Sequence[str]) -> tuple[csr_matrix, NDArray[np.bool_]]:
    """Return the parts of each word of the texts and of the dictionary, shape (buckets, parts).

    Also returns which buckets belong to the dictionary.
    """
    dictionary = _dictionary()
    rows, columns = zip(*_list_parts({**dictionary, **_vocabulary(texts)}), strict=True)
    known = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(BUCKETS, PARTS))
    listed = np.zeros(BUCKETS, dtype=bool)
    listed[[int(hash_word(np.uint32(key))) for key in dictionary]] = True
    return known, listed


def part_factors(spelled: csr_matrix, gain: float) -> NDArray[np.float64]:
    """Return a factor per part, at most `gain`, which is less for parts that most windows hold.

    `spelled` has shape (windows, parts).
    """
    frequency = np.bincount(spelled.indices, minlength=PARTS)
    information = np.log((spelled.shape[0] + 1) / (frequency + 1))
    return np.asarray(gain * np.clip((information - COMMON) / (RARE - COMMON), 0, 1))


def _list_parts(words: dict[int, str]) -> Iterator[tuple[int, int]]:
    """Yield (bucket, part) of each word by its hash; words that name groups have no spelling."""
    mask = mask_table()
    for key, word in words.items():
        if not look_up(mask.keys, mask.classes, np.uint32(key)):
            bucket = int(hash_word(np.uint32(key)))
            framed = f" {word} "
            starts = range(max(1, len(framed) - WIDTH + 1))
            parts = {zlib.crc32(framed[at : at + WIDTH].encode()) % PARTS for at in starts}
            yield from ((bucket, part) for part in sorted(parts))


def _vocabulary(texts: Sequence[str]) -> dict[int, str]:
    """Return the distinct words of texts by their hash."""
    batch = Prepared([Record(prompt="", response=text) for text in texts])
    words, buffer = batch.words("response"), bytes(batch.encoded("response").buffer)
    ids, firsts = np.unique(words.ids, return_index=True)
    return {
        int(key): buffer[words.begins[at] : words.ends[at]].decode("utf-8", "ignore").lower()
        for key, at in zip(ids, firsts, strict=True)
    }


@cache
def _dictionary() -> dict[int, str]:
    spec = find_spec("symspellpy")
    if spec is None or spec.origin is None:
        message = "symspellpy is not installed: install the train extra"
        raise RuntimeError(message)
    path = Path(spec.origin).parent / "frequency_dictionary_en_82_765.txt"
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return _vocabulary([" ".join(line.split()[0] for line in lines)])
