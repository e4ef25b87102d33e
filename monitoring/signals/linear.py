"""Linear models over hashed words and word pairs: one compiled pass scores several heads.

Each head is a file of `monitoring/weights`. The script of the same name in `benchmarks/train`
trains it. It holds int8 weights of 2^18 word and 2^18 pair buckets with a scale, a bias, and the
slope and offset that turn its score into log-odds. Words that name a group of people are read as
one token, so no head can prefer one group to another.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.models import Evidence, TextField
from monitoring.signals.groups import mask_table
from monitoring.signals.kernels_linear import score_windows, weigh_words
from monitoring.text.lexicon import WordTable
from monitoring.text.prepared import Prepared
from monitoring.weights import load_weights

__all__ = ["HEADS", "Bank", "Scored", "explain", "load_bank", "logistic", "score"]


# The pass always scores every head, because the first evaluator that asks about a field then
# answers for the others too.
HEADS = ("toxicity", "harm", "prompt_injection")


class Scored(NamedTuple):
    """Log-odds float32 [texts, heads], NaN without words, and each best window's words [.., 2]."""

    logits: NDArray[np.float32]
    spans: NDArray[np.int64]


class Bank(NamedTuple):
    """Heads that are scored together.

    `weights` is int8 [buckets, heads]; the other fields have one value per head.
    """

    names: tuple[str, ...]
    weights: NDArray[np.int8]
    scales: NDArray[np.float32]
    biases: NDArray[np.float32]
    slopes: NDArray[np.float32]
    offsets: NDArray[np.float32]
    mask: WordTable

    def score(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> Scored:
        """Score texts given as hashed words."""
        if not len(ids):
            shape = len(offsets) - 1, len(self.names)
            return Scored(np.full(shape, np.nan, dtype=np.float32), np.zeros((*shape, 2), dtype=np.int64))
        raw, spans = score_windows(
            ids, offsets, self.mask.keys, self.mask.classes, self.weights, self.scales, self.biases
        )
        return Scored(raw * self.slopes + self.offsets, spans)

    def contributions(self, ids: NDArray[np.uint32], head: str) -> NDArray[np.float32]:
        """Return what each word, with the pair it ends, adds to the head's sum of weights."""
        column = self.names.index(head)
        found = weigh_words(ids, self.mask.keys, self.mask.classes, self.weights, column)
        return np.asarray(found * self.scales[column], dtype=np.float32)


def logistic(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 / (1 + exp(-scores)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * scores)), dtype=np.float32)


@cache
def load_bank(names: tuple[str, ...] = HEADS) -> Bank:
    """Load heads from `monitoring/weights`, once per process.

    Raises FileNotFoundError for a head that was never trained.
    """
    heads = [load_weights(name) for name in names]

    def collect(key: str) -> NDArray[np.float32]:
        return np.array([head[key] for head in heads], dtype=np.float32)

    return Bank(
        names,
        np.ascontiguousarray(np.stack([head["weights"] for head in heads], axis=1)).astype(np.int8),
        collect("scale"),
        collect("bias"),
        collect("slope"),
        collect("offset"),
        mask_table(),
    )


def score(batch: Prepared, field: TextField, bank: Bank) -> Scored:
    """Score one field of a batch with every head of a bank.

    The result is shared by all evaluators that use the bank.
    """
    return batch.shared(
        ("linear", "score", field, id(bank)),
        lambda: bank.score(batch.words(field).ids, batch.words(field).offsets),
    )


def explain(
    batch: Prepared, field: TextField, record: int, head: str, bank: Bank, most: int = 5
) -> Iterator[Evidence]:
    """Yield up to `most` words of the record's best window that raised a head's score, in order."""
    words = batch.words(field)
    first, stop = score(batch, field, bank).spans[record, bank.names.index(head)]
    shares = bank.contributions(words.ids[first:stop], head)
    total = float(shares[shares > 0].sum())
    for at in sorted(np.argsort(-shares, kind="stable")[:most]):
        if shares[at] > 0:
            begin, end = int(words.begins[first + at]), int(words.ends[first + at])
            start, finish = batch.characters(field, record, begin, end)
            yield Evidence(
                field, start, finish, f"{head} model, {shares[at] / total:.0%} of what speaks for it"
            )
