"""How likely a response says what its context does not support.

Answers and summaries have the same scale.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.support import Model, compare, describe, load_model
from monitoring.text.prepared import Prepared

__all__ = ["Grounding", "load_grounding"]

Floats = NDArray[np.float64]


class Grounding(NamedTuple):
    """The model of responses.

    A second model for summaries reversed the ranking where both models judged.
    """

    model: Model

    def judge(self, batch: Prepared) -> Floats:
        """Return for each record the probability, 0..1, that its response is not supported."""
        return batch.shared(
            ("grounding", "records"), lambda: self.model.probability(describe(*compare(batch, "context")))
        )

    def judge_sentences(self, batch: Prepared) -> Floats:
        """Return the same probability for each sentence of the batch's responses."""
        return batch.shared(("grounding", "sentences"), lambda: self._judge_sentences(batch))

    def _judge_sentences(self, batch: Prepared) -> Floats:
        counts, _ = compare(batch, "context")
        return self.model.probability(describe(counts, np.arange(len(counts) + 1)))


def load_grounding() -> Grounding:
    """Return the model fitted by `benchmarks/train/support.py`."""
    return Grounding(load_model("context"))
