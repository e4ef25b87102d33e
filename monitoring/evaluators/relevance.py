"""Whether a response is about what was asked, and whether it is an answer at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Evidence, Score, TextField
from monitoring.signals.kernels_responsiveness import weigh_columns
from monitoring.signals.linear import Bank, load_bank, logistic
from monitoring.signals.responsiveness import (
    describe_answer,
    describe_grounding,
    describe_topic,
    join_odds,
    rank_answer,
    read_opening,
)
from monitoring.text.language import covered
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import known_share, load_table
from monitoring.weights import load_weights

__all__ = ["Models", "Relevance", "build"]

VERSION = "3"

# 2026-11-23, out of fold: 94 % of the responses to other prompts are below this threshold, and 9 %
# of those to the same prompt. Half of all these responses are cut to 20 or 60 words.
THRESHOLD = 0.4
# 2026-11-23, judgement: if a smaller share of the prompt's words is known, the prompt cannot be
# judged by them.
_LEAST_KNOWN = 0.35

_REASONS = {"off_topic": "about something else", "no_answer": "no answer to what was asked"}

Floats = NDArray[np.float32]


class Models(NamedTuple):
    """The fitted models: the linear model of openings, and coefficients with the intercept last."""

    opening: Bank
    topical: Floats
    intent: Floats
    contextual: Floats
    overall: Floats


@dataclass(frozen=True, slots=True)
class Relevance:
    """Estimates the probability that a response belongs to its prompt and answers it.

    The value joins two parts. `topical` says whether prompt and response share their subject. It
    uses word vectors and the information of the words that they share. `intent` says whether the
    response is an answer of the kind that was asked for, and not a refusal, an evasion or an echo
    of the question. It looks at how the response begins, at what it adds to the prompt, and at
    whether it has a name, a number or yes or no where the question asks for one. The part
    `contextual`, present when there is a context, is the probability that the response is about the
    context. It does not enter the value. The part `ranking` compares several responses to one
    prompt, such as sentences that were found for a question. It uses the share of the prompt's
    information that a response takes up, word vectors, and whether the response has what the
    question asks for. How a response begins and how long it is do not enter.

    The evaluator notices other subjects and responses that answer nothing. It does not notice an
    answer that is wrong, incomplete, or to another question on the same subject with the same
    words. A short answer in words that have nothing to do with the prompt counts as off-topic. It
    knows English only.
    """

    models: Models
    name: str = "relevance"
    version: str = VERSION
    category: Category = "quality"
    needs: frozenset[TextField] = frozenset({"prompt", "response", "context"})
    flag: str | None = None
    threshold: float | None = THRESHOLD

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        prompts, responses, contexts = (
            batch.word_counts(field) > 0 for field in ("prompt", "response", "context")
        )
        readable = (
            covered(batch, "prompt")
            & covered(batch, "response")
            & (known_share(batch, "prompt") >= _LEAST_KNOWN)
        )
        overall, topical, intent, ranking = self._judge(batch)
        contextual = self._relate_to_context(batch, contexts)
        scores = []
        for record, (judged, known) in enumerate(
            zip((prompts & responses).tolist(), readable.tolist(), strict=True)
        ):
            if not judged or not known:
                scores.append(_unknown("language_unsupported" if judged else "empty"))
                continue
            parts = {"topical": topical[record], "intent": intent[record], "ranking": ranking[record]}
            if record in contextual:
                parts["contextual"] = contextual[record]
            value = overall[record]
            label = _label(value, topical[record])
            scores.append(
                Score(
                    value=value,
                    label=label,
                    version=VERSION,
                    confidence=max(value, 1 - value),
                    evidence=_show(batch, record, label) if value < THRESHOLD else (),
                    parts=parts,
                )
            )
        return scores

    def _judge(self, batch: Prepared) -> tuple[list[float], list[float], list[float], list[float]]:
        """Return four columns with one number per record.

        They are the probability that the response is relevant, the parts for its subject and for
        its kind of answer, and its rank.
        """
        subject = describe_topic(batch)
        answer = describe_answer(batch, read_opening(batch, self.models.opening))
        topical, intent = _apply(self.models.topical, subject), _apply(self.models.intent, answer)
        odds = np.empty((3, len(batch)), dtype=np.float32)
        odds[0], odds[1], odds[2] = _apply(self.models.overall, join_odds(topical, intent)), topical, intent
        overall, on_topic, as_asked = _rounded(logistic(odds))
        return overall, on_topic, as_asked, _rounded(rank_answer(subject, answer))

    def _relate_to_context(self, batch: Prepared, wanted: NDArray[np.bool_]) -> dict[int, float]:
        if not wanted.any():
            return {}
        values = _rounded(logistic(_apply(self.models.contextual, describe_grounding(batch))))
        known = wanted & covered(batch, "context")
        return {record: values[record] for record in np.flatnonzero(known).tolist()}


def build() -> Evaluator:
    """Load the fitted models and the word vectors, and return the evaluator."""
    load_table()
    weights = {name: values.astype(np.float32) for name, values in load_weights("relevance").items()}
    return Relevance(Models(load_bank(("opening",)), **weights))


def _apply(coefficients: Floats, columns: Floats) -> Floats:
    odds: Floats = weigh_columns(columns, coefficients)
    return odds


def _rounded(values: Floats) -> Any:
    listed: list[Any] = values.astype(np.float64).round(6).tolist()
    return listed


def _label(value: float, topical: float) -> str:
    if value >= THRESHOLD:
        return "relevant"
    return "no_answer" if topical >= THRESHOLD else "off_topic"


def _show(batch: Prepared, record: int, label: str) -> tuple[Evidence, ...]:
    """Return the first sentence of a response that is low."""
    sentences = batch.sentences("response")
    first, last = sentences.offsets[record : record + 2].tolist()
    if first == last:
        return ()
    place = batch.characters("response", record, int(sentences.begins[first]), int(sentences.ends[first]))
    return (Evidence("response", *place, _REASONS[label]),)


def _unknown(label: str) -> Score:
    return Score(value=None, label=label, version=VERSION, confidence=0.0)
