"""What a call is about: one of a fixed list of topics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Score, TextField
from monitoring.signals.kernels_topics import choose_topics
from monitoring.signals.topics import TOPICS, load_affinities, weigh_topics
from monitoring.text.language import covered
from monitoring.text.prepared import Prepared

__all__ = ["UNKNOWN", "TopicCategory", "build"]

VERSION = "1"

UNKNOWN = "unknown"
# 2026-11-23, chosen on tests/quality/samples/topics.jsonl: so far must a topic's share exceed its
# usual share in a text of one rare word. The excess that comes by chance falls with the square root
# of the number of words.
_LEAST_EXCESS = 0.19
_FEWEST_WORDS = 2.0
# The prompt says what a call is about. The response, which is often longer, says it again in more
# words.
_PROMPT_SHARE = 0.6

_NAMES = tuple(TOPICS)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TopicCategory:
    """Names the topic of `monitoring/signals/topics.py` that is closest to the words of a call.

    The words are those of prompt and response, and the label is the topic. The value is the topic's
    share, 0..1, of the words, weighted by how much they say. The label is `unknown`, and there is
    no value, where no topic stands out from an average text. Examples are small talk, gibberish,
    and a subject that is not in the list. Words are judged one by one, so a word of two topics
    (`credit score`) counts for both. A task about a text (translate, rewrite, correct) may get the
    topic of the text. The evaluator knows English only; a field in another language is left out.
    """

    name: str = "topic_category"
    version: str = VERSION
    category: Category = "descriptive"
    needs: frozenset[TextField] = frozenset({"prompt", "response"})
    flag: str | None = None
    threshold: float | None = None

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        readable = covered(batch, "prompt"), covered(batch, "response")
        empty = batch.word_counts("prompt") + batch.word_counts("response") == 0
        best, shares, excesses = choose_topics(
            *_read(batch, "prompt", readable[0]),
            *_read(batch, "response", readable[1]),
            load_affinities().usual,
            _PROMPT_SHARE,
            np.float32(_FEWEST_WORDS),
        )
        rows = zip(
            empty.tolist(),
            (readable[0] | readable[1]).tolist(),
            (excesses >= _LEAST_EXCESS).tolist(),
            best.tolist(),
            shares.astype(np.float64).round(4).tolist(),
            strict=True,
        )
        return [_judge(*row) for row in rows]


def build() -> Evaluator:
    """Return the evaluator; what each word says about each topic is computed at its first batch."""
    return TopicCategory()


def _read(batch: Prepared, field: TextField, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    shares, masses = weigh_topics(batch, field)
    return shares, masses * known


def _judge(empty: bool, readable: bool, outstanding: bool, topic: int, share: float) -> Score:  # noqa: FBT001 a row
    if empty:
        return _unknown("empty")
    if not readable:
        return _unknown("language_unsupported")
    if not outstanding:
        return _unknown(UNKNOWN)
    return Score(value=share, label=_NAMES[topic], version=VERSION, confidence=share)


def _unknown(label: str) -> Score:
    return Score(value=None, label=label, version=VERSION, confidence=0.0)
