"""How likely a response says what its context does not support: an answer, or a summary that copies.

An answer rephrases, so a few new combinations of words say little. A summary that otherwise copies its
source has them where it was put together wrongly, so it is judged by those alone, and more strictly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import re2
from numpy.typing import NDArray

from monitoring.signals.support import FEATURE_NAMES, Model, compare, describe, load_model
from monitoring.text.prepared import Prepared

__all__ = ["Grounding", "load_grounding"]

_TRIGRAMS = FEATURE_NAMES.index("novel_trigrams")
# A summary with more new trigrams than this rephrases, as an answer does.
_COPIED = 0.6
_ASKS_FOR_SUMMARY = re2.compile(
    r"(?i)\b(?:summar(?:y|ies|i[sz]e[ds]?|i[sz]ing|i[sz]ation)|tl;?dr|condense|abridge|key points|main points)\b"
)
_ASKED_WITHIN = 2000  # characters at either end of a prompt that may hold the request

Floats = NDArray[np.float64]


class Grounding(NamedTuple):
    """The model of answers, and that of summaries made of their source's own words."""

    answers: Model
    summaries: Model

    def judge(self, batch: Prepared) -> Floats:
        """Return for each record the probability, 0..1, that its response is not supported."""
        return batch.shared(("grounding", "records"), lambda: self._judge(batch))

    def judge_sentences(self, batch: Prepared) -> Floats:
        """Return the same for each sentence of the batch's responses."""
        return batch.shared(("grounding", "sentences"), lambda: self._judge_sentences(batch))

    def _judge(self, batch: Prepared) -> Floats:
        features = describe(*compare(batch, "context"))
        values = self.answers.probability(features)
        copied = _copied_summaries(batch, features)
        if copied.any():
            values[copied] = self.summaries.probability(features[copied])
        return values

    def _judge_sentences(self, batch: Prepared) -> Floats:
        counts, offsets = compare(batch, "context")
        features = describe(counts, np.arange(len(counts) + 1))
        values = self.answers.probability(features)
        copied = np.repeat(_copied_summaries(batch, describe(counts, offsets)), np.diff(offsets))
        if copied.any():
            values[copied] = self.summaries.probability(features[copied])
        return values


def _copied_summaries(batch: Prepared, features: Floats) -> NDArray[np.bool_]:
    """Tell which responses answer a request for a summary mostly in their source's words."""
    copied = (features[:, _TRIGRAMS] < _COPIED) & (np.diff(batch.words("context").offsets) > 0)
    prompts = batch.texts("prompt")
    for record in np.flatnonzero(copied):
        prompt = prompts[record]
        asked = (
            prompt if len(prompt) <= 2 * _ASKED_WITHIN else prompt[:_ASKED_WITHIN] + prompt[-_ASKED_WITHIN:]
        )
        copied[record] = _ASKS_FOR_SUMMARY.search(asked) is not None
    return copied


def load_grounding() -> Grounding:
    """Return the models fitted by `benchmarks/train/support.py`."""
    return Grounding(load_model("context"), load_model("summary"))
