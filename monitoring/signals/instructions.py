"""Instructions inside documents and tool results.

They are found as the segment of each text that reads most like a request. A document tells its
readers many things. The head `instructions` compares each of its segments with what people ask of
an assistant, and with what documents, answers and letters between people say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.models import TextField
from monitoring.signals.kernels_segments import cut_segments
from monitoring.signals.linear import Bank
from monitoring.text.prepared import Prepared

__all__ = ["Segments", "cut", "score_segments"]


class Segments(NamedTuple):
    """Segments of one field: `tokens` uint32, those of segment i are `offsets[i]:offsets[i + 1]`.

    The segments of record r are `firsts[r]:firsts[r + 1]`.
    """

    tokens: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    firsts: NDArray[np.int64]


def cut(batch: Prepared, field: TextField) -> Segments:
    """Return the segments of a field."""
    words, encoded = batch.words(field), batch.encoded(field)
    return Segments(*cut_segments(*encoded, words.ids, words.begins, words.ends, words.offsets))


def score_segments(batch: Prepared, field: TextField, bank: Bank) -> NDArray[np.float32]:
    """Return the log-odds of each record's strongest segment by a bank of one head.

    They are NaN without words.
    """
    found = cut(batch, field)
    logits = np.full(len(batch), np.nan, dtype=np.float32)
    filled = np.flatnonzero(np.diff(found.firsts))
    if len(filled):
        scored = bank.score(found.tokens, found.offsets).logits[:, 0]
        logits[filled] = np.maximum.reduceat(scored, found.firsts[filled])
    return logits
