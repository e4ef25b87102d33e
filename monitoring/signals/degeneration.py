"""Signs that a language model lost its thread: loops, a missing end, broken characters, disorder.

Each sign is a small logistic model over measurements of the response alone, fitted by
`benchmarks/train/coherence.py` on good answers and damaged copies of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.signals import kernels_coherence as kernels
from monitoring.signals import kernels_signs as signs
from monitoring.signals.kernels_characters import measure_endings as scan_endings
from monitoring.signals.kernels_characters import measure_noise
from monitoring.signals.support import stems
from monitoring.text.lexicon import WordTable, build_table
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import find_words
from monitoring.weights import load_weights

__all__ = ["SIGNS", "Sign", "describe_sign", "load_signs", "measure_endings", "measure_repetition"]

Floats = NDArray[np.float64]
SIGNS = ("repetition", "truncation", "noise", "disorder")

_LINKERS = """
additionally moreover furthermore however therefore thus hence consequently similarly likewise instead
otherwise nevertheless nonetheless meanwhile also but and so then yet plus besides afterwards next second
secondly third thirdly another
"""
_POINTERS = "it they this these that those he she his her their its them such both each"
_CLOSERS = "overall finally lastly conclusion summary ultimately remember hope hopefully enjoy"
_OPENERS = "sure certainly yes no hello hi dear here sorry first firstly absolutely yeah"


class Sign(NamedTuple):
    """One logistic model: `weights` of the sign's features, shape (k,), and a bias."""

    weights: Floats
    bias: float

    def probability(self, features: Floats) -> Floats:
        """Return for each row of features the probability, 0..1, that the text shows the sign."""
        found: Floats = signs.judge(features, self.weights, self.bias)
        return found


def load_signs() -> dict[str, Sign]:
    """Return the fitted models by the name of their sign."""
    arrays = load_weights("coherence")
    return {
        name: Sign(arrays[f"{name}_weights"].astype(np.float64), float(arrays[f"{name}_bias"][0]))
        for name in SIGNS
    }


def describe_sign(batch: Prepared, sign: str) -> Floats:
    """Return the features of one sign for each response, shape (n, k)."""
    return _DESCRIPTIONS[sign](batch)


def _lead_table() -> WordTable:
    classes = dict.fromkeys(_LINKERS.split(), kernels.LINKER)
    classes |= dict.fromkeys(_POINTERS.split(), kernels.POINTER)
    classes |= dict.fromkeys(_CLOSERS.split(), kernels.CLOSER)
    return build_table(classes | dict.fromkeys(_OPENERS.split(), kernels.OPENER))


_LEADS = _lead_table()


def measure_repetition(batch: Prepared) -> NDArray[np.int64]:
    """Return the kernel's measurements of repetition in each response, cached in the batch."""

    def compute() -> NDArray[np.int64]:
        buffer, starts = batch.encoded("response")
        words, sentences = batch.words("response"), batch.sentences("response")
        measured: NDArray[np.int64] = kernels.measure_repetition(
            buffer,
            starts,
            words.ids,
            words.begins,
            words.ends,
            words.offsets,
            sentences.ends,
            sentences.offsets,
        )
        return measured

    return batch.shared(("degeneration", "repetition"), compute)


def measure_endings(batch: Prepared) -> Floats:
    """Return the kernel's measurements of the end of each response, cached in the batch."""
    encoded = batch.encoded("response")
    return batch.shared(("degeneration", "endings"), lambda: scan_endings(*encoded))


def _describe_repetition(batch: Prepared) -> Floats:
    described: Floats = signs.describe_repetition(measure_repetition(batch))
    return described


def _describe_truncation(batch: Prepared) -> Floats:
    rows, kinds = find_words(batch, "response").rows, stems(batch, "response").kinds
    described: Floats = signs.describe_truncation(
        measure_endings(batch), batch.words("response").offsets, rows, kinds
    )
    return described


def _describe_noise(batch: Prepared) -> Floats:
    buffer, starts = batch.encoded("response")
    words = batch.words("response")
    rows = find_words(batch, "response").rows
    measured = measure_noise(buffer, starts, words.begins, words.ends, words.offsets, rows)
    described: Floats = signs.describe_noise(measured, starts)
    return described


def _describe_disorder(batch: Prepared) -> Floats:
    words, sentences, stemmed = batch.words("response"), batch.sentences("response"), stems(batch, "response")
    measured = kernels.measure_order(
        words.ids,
        stemmed.stems,
        stemmed.kinds,
        words.begins,
        words.offsets,
        sentences.ends,
        sentences.offsets,
        _LEADS.keys,
        _LEADS.classes,
    )
    described: Floats = signs.describe_disorder(measured)
    return described


_DESCRIPTIONS: dict[str, Callable[[Prepared], Floats]] = {
    "repetition": _describe_repetition,
    "truncation": _describe_truncation,
    "noise": _describe_noise,
    "disorder": _describe_disorder,
}
