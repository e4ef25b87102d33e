"""Whether a response agrees with the best source at hand: a reference, a context, or itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Evidence, Score, TextField
from monitoring.signals import claims
from monitoring.signals.admissions import refusals
from monitoring.signals.grounding import Grounding, load_grounding
from monitoring.signals.sources import source_covered
from monitoring.signals.support import Model, SourceField, compare, describe, load_model
from monitoring.text.language import covered
from monitoring.text.prepared import Prepared

__all__ = ["FactualAccuracy", "build"]

VERSION = "5"

# The threshold is one half, as in `hallucination`, so that the two never contradict each other on
# one answer. The class says what it costs.
THRESHOLD = 0.5

_PARTS: dict[SourceField, str] = {"reference": "reference_agreement", "context": "context_support"}
_REASONS: dict[SourceField, str] = {
    "reference": "not what the reference says",
    "context": "not in the context",
}
_LABELS: dict[SourceField, tuple[str, str]] = {
    "reference": ("disagrees", "agrees"),
    "context": ("unsupported", "supported"),
}


@dataclass(frozen=True, slots=True)
class FactualAccuracy:
    """Measures agreement with the reference or else the context, and checks what needs neither.

    The part `reference_agreement` is the probability that a reader finds the response true to the
    reference. Without a reference, the part `context_support` is the same for the context. Both
    follow from words, n-grams, numbers, names and negations. The part `internal_checks` is the
    share of statements that pass checks which need no source: equations, check digits of ISBN, ISSN
    and ORCID, forms of DOI and arXiv numbers, dates, and statements that contradict each other. The
    value is the lower of the two parts. It is None where there is nothing to check
    (`nothing_to_check`), and for refusals.

    The evaluator has no knowledge of the world. A false statement without a source stays unknown,
    and a true answer in other words than the reference scores low. It knows English only; the
    internal checks work in any language.

    The threshold is the one half of `hallucination`, so that both say the same about a context. It
    calls 15 % of true and 51 % of false answers of the TruthfulQA judge data low (2026-11-30, out
    of fold).
    """

    grounding: Grounding
    reference: Model
    name: str = "factual_accuracy"
    version: str = VERSION
    category: Category = "quality"
    needs: frozenset[TextField] = frozenset({"prompt", "response", "context", "reference"})
    flag: str | None = None
    threshold: float | None = THRESHOLD

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        scores = [
            _unknown("nothing_to_check" if text.strip() else "empty") for text in batch.texts("response")
        ]
        covers = covered(batch, "response") if len(batch) else np.zeros(0, dtype=np.bool_)
        sources: tuple[SourceField, ...] = ("context", "reference")
        for source in sources:  # a reference has the last word
            given = batch.word_counts(source) > 0
            if given.any():
                self._compare(batch, source, given, covers & source_covered(batch, source), scores)
        for record, found in enumerate(claims.examine(batch)):
            if found.findings or found.held:
                scores[record] = _check(scores[record], found)
        return scores

    def _compare(
        self,
        batch: Prepared,
        source: SourceField,
        given: NDArray[np.bool_],
        known: NDArray[np.bool_],
        scores: list[Score],
    ) -> None:
        if source == "context":
            agreement = 1.0 - self.grounding.judge(batch)
        else:
            agreement = 1.0 - self.reference.probability(describe(*compare(batch, source)))
        spoken = batch.word_counts("response") > 0
        refused = refusals(batch)
        for record in np.flatnonzero(given & spoken).tolist():
            if not known[record]:
                scores[record] = _unknown("language_unsupported")
            elif refused[record]:
                scores[record] = _unknown("refusal")
            else:
                value = float(agreement[record])
                scores[record] = Score(
                    value=value,
                    label=_LABELS[source][value >= THRESHOLD],
                    version=VERSION,
                    confidence=max(value, 1.0 - value),
                    evidence=(self._show_worst(batch, source, record),) if value < THRESHOLD else (),
                    parts={_PARTS[source]: value},
                )

    def _show_worst(self, batch: Prepared, source: SourceField, record: int) -> Evidence:
        """Return the sentence that, judged alone, agrees least."""
        values = batch.shared(
            ("factual_accuracy", "sentences", source), lambda: self._judge_sentences(batch, source)
        )
        sentences = batch.sentences("response")
        first, last = sentences.offsets[record : record + 2].tolist()
        at = first + int(values[first:last].argmax())
        place = batch.characters("response", record, int(sentences.begins[at]), int(sentences.ends[at]))
        return Evidence("response", *place, _REASONS[source])

    def _judge_sentences(self, batch: Prepared, source: SourceField) -> NDArray[np.float64]:
        if source == "context":
            return self.grounding.judge_sentences(batch)
        counts, _ = compare(batch, source)
        return self.reference.probability(describe(counts, np.arange(len(counts) + 1)))


@cache
def _unknown(label: str) -> Score:
    return Score(value=None, label=label, version=VERSION, confidence=0.0)


def _check(score: Score, found: claims.Claims) -> Score:
    wrong = [finding for finding in found.findings if finding.kind != claims.ADMISSION]
    if not wrong and not found.held:
        return score
    share = found.held / (found.held + len(wrong))
    lower = score.value is None or share < score.value
    return Score(
        value=share if lower else score.value,
        label=("checks_failed" if wrong else "checks_passed") if lower else score.label,
        version=VERSION,
        confidence=1.0 - 1.0 / (2.0 + found.held + len(wrong)) if lower else score.confidence,
        evidence=score.evidence + tuple(Evidence("response", f.start, f.end, f.reason) for f in wrong),
        parts=score.parts | {"internal_checks": share},
    )


def build() -> Evaluator:
    """Return the evaluator with its fitted models."""
    return FactualAccuracy(load_grounding(), load_model("reference"))
