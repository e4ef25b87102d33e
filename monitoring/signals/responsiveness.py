"""How a response responds to its prompt, as numbers.

They describe the shared subject, the new words, and whether the answer is of the kind asked for.
They are the inputs of the models that `benchmarks/train/relevance.py` fits.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from monitoring.models import TextField
from monitoring.signals.admissions import refusals
from monitoring.signals.kernels_responsiveness import classify_questions, detect_signs, take_heads
from monitoring.signals.linear import Bank
from monitoring.text.lexicon import WordTable, build_table
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import cosine, overlap

__all__ = [
    "HEAD_WORDS",
    "describe_answer",
    "describe_grounding",
    "describe_topic",
    "join_odds",
    "measure_continuity",
    "rank_answer",
    "read_opening",
]

# The opening shows whether a response is an answer. Two blocks of the linear model hold 64 words.
HEAD_WORDS = 48
_MOST_EVIDENCE = 6.0
_BEYOND_DOUBT = 1.0

_SIGN_PRESENT, _SIGN_ABSENT = 4, 5
# 2026-11-30: On trecqa, on which nothing is fitted, mean average precision is .75 to .76 for shares
# of the cosine from .2 to .5 and of the signs from .05 to .15. It is .71 without both.
_COSINE_SHARE, _SIGN_SHARE = 0.3, 0.1

_CLASSES = {
    1: "who whom whose",
    2: "when",
    3: "where",
    4: "how",
    5: "what which",
    6: "many much old long far tall large big often fast",
    7: "year date percentage percent number amount age population distance",
    8: "is are was were do does did can could will would should has have had am may might",
    9: "person president author actor actress name people country city company",
    10: "why",
    11: "yes no yeah nope",
    12: """
    one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand
    million billion first second third once twice zero none never always today yesterday tomorrow monday
    tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october november december
    """,
}

Floats = NDArray[np.float32]


def describe_topic(batch: Prepared) -> Floats:
    """Return the features of a shared subject, one row per record.

    The columns are the cosine of the vectors of prompt and response, the share of the prompt's
    information that the response takes up, the symmetric share, and how much prompt and response
    say (log of words).
    """
    shared = overlap(batch, "prompt", "response")
    described = np.empty((len(batch), 5), dtype=np.float32)
    described[:, 0] = cosine(batch, "prompt", "response")
    described[:, 1], described[:, 2] = shared.first, shared.both
    described[:, 3], described[:, 4] = _log_words(batch, "prompt"), _log_words(batch, "response")
    return described


def rank_answer(topic: Floats, answer: Floats) -> Floats:
    """Return 0..1 per record, by which responses to one prompt are ranked.

    The rank follows from the subject and from signs of an answer of the kind asked for. `subject`
    and `answer` are the columns of `describe_topic` and `describe_answer`. How a response opens
    does not enter, because a sentence found in a document may answer without opening like an
    answer. Length does not enter either.
    """
    signs = answer[:, _SIGN_PRESENT] - answer[:, _SIGN_ABSENT]
    ranked = topic[:, 1] + _COSINE_SHARE * topic[:, 0] + _SIGN_SHARE * signs
    return _bound(ranked / (1 + _COSINE_SHARE + _SIGN_SHARE), 0, 1)


def measure_continuity(batch: Prepared) -> Floats:
    """Return 0..1 per record: how much of the prompt's content the response takes up.

    The prompt is a conversation.
    """
    taken = overlap(batch, "prompt", "response").first + _COSINE_SHARE * cosine(batch, "prompt", "response")
    return _bound(taken / (1 + _COSINE_SHARE), 0, 1)


def describe_grounding(batch: Prepared) -> Floats:
    """Return the features of a response that is about its context, one row per record.

    The columns are the cosine of their vectors, the share of the response's information that the
    context holds, and the log of the response's words.
    """
    shared = overlap(batch, "context", "response")
    described = np.empty((len(batch), 3), dtype=np.float32)
    described[:, 0] = cosine(batch, "context", "response")
    described[:, 1], described[:, 2] = shared.second, _log_words(batch, "response")
    return described


def describe_answer(batch: Prepared, opening: Floats) -> Floats:
    """Return the features of a response that answers, one row per record.

    `opening` is the log-odds that its opening is an answer. The columns are these log-odds, whether
    the response reads as a refusal, the share of its information that only repeats the prompt, the
    log of its words, and the four signs of `kernels_responsiveness.detect_signs`.
    """
    prompts, responses = batch.words("prompt"), batch.words("response")
    table = _question_table()
    kinds = classify_questions(prompts.ids, prompts.offsets, table.keys, table.classes)
    signs = detect_signs(
        kinds,
        prompts.ids,
        prompts.offsets,
        batch.encoded("response").buffer,
        responses.ids,
        responses.begins,
        responses.offsets,
        table.keys,
        table.classes,
    )
    echo = overlap(batch, "prompt", "response").second
    described = np.empty((len(batch), 4 + signs.shape[1]), dtype=np.float32)
    described[:, 0], described[:, 1], described[:, 2] = opening, refusals(batch), echo
    described[:, 3], described[:, 4:] = _log_words(batch, "response"), signs
    return described


def join_odds(topical: NDArray[np.floating], intent: NDArray[np.floating]) -> Floats:
    """Return the two columns of the joint model from the log-odds of its parts.

    Both parts are bounded, so that neither can silence the other. The bound of the first is soft,
    which keeps its order. An opening that promises an answer proves nothing about its subject, so
    only the lack of one counts.
    """
    bounded = _MOST_EVIDENCE * np.tanh(topical / _MOST_EVIDENCE)
    joined = np.empty((len(bounded), 2), dtype=np.float32)
    joined[:, 0], joined[:, 1] = bounded, _bound(intent, -_MOST_EVIDENCE, _BEYOND_DOUBT)
    return joined


def read_opening(batch: Prepared, bank: Bank) -> Floats:
    """Return the log-odds, -6..6, that the first 48 words begin an answer; 0 without words."""
    words = batch.words("response")
    odds = bank.score(*take_heads(words.ids, words.offsets, HEAD_WORDS)).logits[:, 0]
    odds[np.isnan(odds)] = 0
    return _bound(odds, -_MOST_EVIDENCE, _MOST_EVIDENCE)


def _bound(values: NDArray[np.floating], least: float, most: float) -> Floats:
    """Return values between two bounds.

    The result is that of `np.clip`, in a fifth of its time for a few values.
    """
    bounded: Floats = np.minimum(np.maximum(values, least), most).astype(np.float32, copy=False)
    return bounded


def _log_words(batch: Prepared, field: TextField) -> Floats:
    return batch.shared(
        ("responsiveness", "log_words", field), lambda: np.log1p(batch.word_counts(field)).astype(np.float32)
    )


@cache
def _question_table() -> WordTable:
    return build_table({word: number for number, words in _CLASSES.items() for word in words.split()})
