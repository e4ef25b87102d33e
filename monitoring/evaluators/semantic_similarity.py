"""Whether a response means the same as the reference answer or, without one, as its prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Score, TextField
from monitoring.text.language import covered
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import align, cosine, known_share, load_table

__all__ = ["SemanticSimilarity", "build"]

VERSION = "2"

# 2026-11-23: the median similarity of unrelated texts. It is 0.099 for answers to different
# questions of TruthfulQA (Apache-2.0), and 0.115 for prompts and responses of different records of
# arena-hard and XSTest.
UNRELATED = 0.10
# 2026-11-23, judgement: if a smaller share of words is known, the vectors do not represent the
# text.
_LEAST_KNOWN = 0.35
# A good answer need not resemble its prompt, so the similarity to the prompt says less.
_CONFIDENCE = {"reference": 0.8, "prompt": 0.5}


@dataclass(frozen=True, slots=True)
class SemanticSimilarity:
    """Compares what two texts are about: 1 for the same words, 0 for no more than chance.

    Chance is what random texts share. The similarity to a reference is the mean of two symmetric
    measures over static word vectors. One is the cosine of the texts' vectors. The other says how
    well the words of each text find a partner in the other text. Without a reference, the value is
    the cosine with the prompt alone. That says what both are about, and nothing about how good an
    answer is, so it has no weight in overall_quality. The label says with what the response was
    compared: `reference` or `prompt`.

    The evaluator knows words, not statements. A negated, reversed or otherwise false sentence made
    of the same words scores high, and an equal meaning in very different words scores low. It knows
    English only. There is no threshold, because the similarity that answers need depends on the
    task.
    """

    name: str = "semantic_similarity"
    version: str = VERSION
    category: Category = "quality"
    needs: frozenset[TextField] = frozenset({"prompt", "response", "reference"})
    flag: str | None = None
    threshold: float | None = None

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        responses, prompts, references = (
            batch.word_counts(field) > 0 for field in ("response", "prompt", "reference")
        )
        scores = [_unknown("empty")] * len(batch)
        if (responses & references).any():
            self._compare(batch, "reference", responses & references, scores)
        if (responses & prompts & ~references).any():
            self._compare(batch, "prompt", responses & prompts & ~references, scores)
        return scores

    def _compare(
        self,
        batch: Prepared,
        basis: Literal["prompt", "reference"],
        wanted: NDArray[np.bool_],
        scores: list[Score],
    ) -> None:
        readable = _readable(batch, basis) & _readable(batch, "response")
        pooled = np.minimum(np.maximum(cosine(batch, basis, "response"), 0), 1)
        likeness = (pooled + align(batch, basis, "response")) / 2 if basis == "reference" else pooled
        values = np.minimum(np.maximum((likeness - UNRELATED) / (1 - UNRELATED), 0), 1)
        values = values.astype(np.float64).round(4).tolist()
        for record in np.flatnonzero(wanted).tolist():
            scores[record] = (
                Score(value=values[record], label=basis, version=VERSION, confidence=_CONFIDENCE[basis])
                if readable[record]
                else _unknown("language_unsupported")
            )


def build() -> Evaluator:
    """Load the word vectors and return the evaluator."""
    load_table()
    return SemanticSimilarity()


def _readable(batch: Prepared, field: TextField) -> NDArray[np.bool_]:
    return covered(batch, field) & (known_share(batch, field) >= _LEAST_KNOWN)


def _unknown(label: str) -> Score:
    return Score(value=None, label=label, version=VERSION, confidence=0.0)
