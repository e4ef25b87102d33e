"""How likely people prefer an answer to an ordinary one to the same prompt: completeness and style, not truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Score, TextField
from monitoring.signals.linear import logistic
from monitoring.signals.style import GROUPS, describe_request, describe_style
from monitoring.text.language import covered
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import load_table
from monitoring.weights import load_weights

__all__ = ["FAULTS", "Helpfulness", "Model", "build", "load_model"]

VERSION = "1"

FAULTS = ("on_topic", "complete", "substance")
"""Parts that are 1 when the answer to another prompt, an answer cut off, or mere praise is not what it looks like."""

_PARTS = (*GROUPS, *FAULTS)
_EVEN = 0.5
# 2026-11-30: of pairs of answers from sources that were left out, this share was told as people told them.
_CONFIDENCE = 0.65

Floats = NDArray[np.float32]


class Model(NamedTuple):
    """A fitted preference: log-odds that people prefer an answer to an ordinary one to such a prompt.

    `answer` holds the features' weights by group, shape (features, groups): a feature counts in one group.
    `request` is what ordinary answers to such a prompt have, shape (features, groups), and `ordinary` the same for
    every prompt, shape (groups,). `faults` and `fault_bias` are three logistic models over the same features, of
    answers that were made worse: see `FAULTS`.
    """

    answer: Floats
    request: Floats
    ordinary: Floats
    faults: Floats
    fault_bias: Floats

    def judge(self, batch: Prepared) -> tuple[Floats, Floats]:
        """Return log-odds by record: of each group of features, shape (n, groups), and of each fault, (n, faults)."""
        described = describe_style(batch)
        usual = describe_request(batch) @ self.request + self.ordinary
        return described @ self.answer - usual, described @ self.faults + self.fault_bias


@dataclass(frozen=True, slots=True, eq=False)
class Helpfulness:
    """Estimates how likely people prefer this answer to an ordinary one to the same prompt.

    0.5 is an ordinary answer of the reference traffic. The value joins three parts: `coverage`, does the answer take up
    what was asked and add to it, or decline; `structure`, are there lists, headings, paragraphs and code where
    such a prompt's answers have them; `wording`, how it opens and ends, how varied and informative its words are.
    Three more parts do not enter it: `on_topic`, `complete` and `substance` are low for what looks like the answer to
    another prompt, like one that was cut off, and like praise of the reader instead of an answer.
    It was fitted on votes of people between two answers, of which as many as possible chose the shorter one, and the
    length itself is no feature.

    It sees style and completeness, and not truth: a wrong answer in good form scores as high as a right one, and
    where the better answer is the plain one it is wrong more often than not. People disagree: two answers differ
    by a few hundredths. English only. There is no threshold, since no answer is bad for being the less liked of two.
    """

    model: Model
    name: str = "helpfulness"
    version: str = VERSION
    category: Category = "quality"
    needs: frozenset[TextField] = frozenset({"prompt", "response"})
    flag: str | None = None
    threshold: float | None = None

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        if not len(batch):
            return []
        asked = (batch.word_counts("prompt") > 0).tolist()
        answered = (batch.word_counts("response") > 0).tolist()
        readable = (covered(batch, "prompt") & covered(batch, "response")).tolist()
        odds, faults = self.model.judge(batch)
        likely = logistic(np.concatenate([odds, -faults, odds.sum(axis=1, keepdims=True)], axis=1)).astype(
            np.float64
        )
        values = likely[:, -1].round(6).tolist()
        parts = likely[:, :-1].round(4).tolist()
        scores = []
        for record, text in enumerate(batch.texts("response")):
            if asked[record] and answered[record] and readable[record]:
                value = values[record]
                label = "above_ordinary" if value >= _EVEN else "below_ordinary"
                own = dict(zip(_PARTS, parts[record], strict=True))
                scores.append(
                    Score(value=value, label=label, version=VERSION, confidence=_CONFIDENCE, parts=own)
                )
            elif asked[record] and not text.strip():
                scores.append(_NO_ANSWER)
            else:
                scores.append(_unknown(_reason(text, asked=asked[record], answered=answered[record])))
        return scores


_NO_ANSWER = Score(value=0.0, label="no_answer", version=VERSION)


def _reason(text: str, *, asked: bool, answered: bool) -> str:
    if not text.strip():
        return "empty"
    if not asked:
        return "no_prompt"
    return "language_unsupported" if answered else "no_words"


@cache
def _unknown(label: str) -> Score:
    return Score(value=None, label=label, version=VERSION, confidence=0.0)


def load_model() -> Model:
    """Return the fitted model."""
    weights = {name: values.astype(np.float32) for name, values in load_weights("helpfulness").items()}
    return Model(**weights)


def build() -> Evaluator:
    """Load the fitted model and the word vectors, and return the evaluator."""
    load_table()
    return Helpfulness(load_model())
