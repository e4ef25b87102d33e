"""One number for an answer: how likely people prefer it to an ordinary one, judged by its scores.

`benchmarks/train/quality.py` fits the combination. Its log-odds begin with the helpfulness of the
answer, and each fault subtracts from them. Nothing is subtracted for a fault about which nothing is
known. The result also tells how much each fault cost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from monitoring.models import Evidence, Score
from monitoring.weights import load_weights

__all__ = [
    "FAULTS",
    "LEAST",
    "NAME",
    "PARTS",
    "VERSION",
    "Combination",
    "judge_quality",
    "load_combination",
    "measure_faults",
]

NAME = "overall_quality"
VERSION = "2"

FAULTS: Mapping[str, str] = {
    "off_topic": "relevance",
    "flattering": "helpfulness",
    "cut_off": "coherence",
    "looping": "coherence",
    "garbled": "coherence",
    "broken_format": "coherence",
    "mixed_languages": "coherence",
    "contradictory": "coherence",
    "wrong_language": "language_match",
    "unsupported": "factual_accuracy",
}
"""The faults in their order, and the evaluator that finds each."""

PARTS = frozenset({"helpfulness", *FAULTS.values()})
"""The evaluators that take part; there is a value if at least one of them knows something."""

_COHERENCE = (
    ("looping", "repetition"),
    ("garbled", "noise"),
    ("broken_format", "format"),
    ("mixed_languages", "language_mix"),
    ("contradictory", "consistency"),
)
_NOTHING: Mapping[str, float] = {}
_HELPFULNESS = "helpfulness"
_EVEN = 0.5
# 2026-11-30: Between real answers, the choices of people agree with the signs of a cut only if
# these are surer than this.
_SURE = 0.85
_ORDINARY, _REFUSED = "ordinary", "refused"
LEAST = 1e-4
"""Values are kept at least this far from 0 and 1 before their log-odds are taken."""
_HARMFUL = 0.5
_SHOWN = 0.02  # what costs less than this is not told
# These log-odds can change the value by no more than `_SHOWN`, because the slope of the logistic
# curve is at most a quarter.
_UNSEEN = -4 * _SHOWN


class Combination(NamedTuple):
    """The fitted combination.

    `costs` says by name how many log-odds each fault subtracts if it is certain. `ordinary` holds
    the log-odds of an ordinary answer.
    """

    costs: Mapping[str, float]
    ordinary: float


@cache
def load_combination() -> Combination:
    """Return the fitted combination."""
    weights = load_weights("quality")
    costs = dict(zip(FAULTS, weights["costs"].tolist(), strict=True))
    return Combination(costs, float(weights["ordinary"]))


def judge_quality(scores: Mapping[str, Score], weights: Mapping[str, float]) -> Score | None:
    """Return the quality of an answer and what lowered it, or None if nothing can be known.

    `scores` are the scores that have a value. `weights` say how much the evaluators in `PARTS`
    count: 1 is as fitted, and 0 is not at all. Each part of the result belongs to a fault, or to
    low helpfulness. It is 1 minus what the fault costs, and costs of less than 0.02 are left out.
    The label names the greatest cost. It is `refused` if the helpfulness is low because of a
    refusal, and `ordinary` if nothing cost anything.
    """
    known = PARTS & scores.keys()
    if not known or (weights and not any(weights.get(name, 1.0) > 0 for name in known)):
        return None
    costs, ordinary = load_combination()
    lost = {
        fault: weights.get(FAULTS[fault], 1.0) * costs[fault] * amount
        for fault, amount in measure_faults(scores).items()
    }
    helpful = weights.get(_HELPFULNESS, 1.0) * _measure_helpfulness(scores)
    if not lost and helpful > _UNSEEN:
        return Score(value=_logistic(helpful - ordinary), label=_ORDINARY, version=VERSION)
    odds = helpful - sum(lost.values()) - ordinary
    value = _logistic(odds)
    if helpful < 0:
        lost[_HELPFULNESS] = -helpful
    told = {
        part: cost for part, amount in lost.items() if (cost := _logistic(odds + amount) - value) >= _SHOWN
    }
    worst = max(told, key=told.__getitem__) if told else _ORDINARY
    return Score(
        value=value,
        label=_REFUSED if worst == _HELPFULNESS and _refuses(scores) else worst,
        version=VERSION,
        evidence=_show(scores, told) if told else (),
        parts={part: round(1.0 - cost, 4) for part, cost in told.items()},
    )


def measure_faults(scores: Mapping[str, Score]) -> dict[str, float]:
    """Return the faults that the scores show, by name, with a strength above 0 and up to 1."""
    faults: dict[str, float] = {}
    helpful, relevance, coherence = scores.get(_HELPFULNESS), scores.get("relevance"), scores.get("coherence")
    liked = helpful.parts if helpful is not None else _NOTHING
    sound = coherence.parts if coherence is not None else _NOTHING
    about = relevance.parts if relevance is not None else _NOTHING
    if about.get("contextual", 0.0) < _EVEN and (
        amount := _suspect(liked.get("on_topic"), about.get("topical"), _EVEN)
    ):
        faults["off_topic"] = amount  # what is about the context is on topic, whatever the prompt says
    if amount := _suspect(liked.get("complete"), sound.get("truncation"), _SURE):
        faults["cut_off"] = amount
    if (part := liked.get("substance", 1.0)) < _EVEN:
        faults["flattering"] = 1.0 - 2.0 * part
    for fault, name in _COHERENCE:
        if (part := sound.get(name, 1.0)) < _EVEN:
            faults[fault] = 1.0 - 2.0 * part
    language, accuracy = scores.get("language_match"), scores.get("factual_accuracy")
    if language is not None and language.value is not None and language.value < 1.0:
        faults["wrong_language"] = 1.0 - language.value
    if accuracy is not None and accuracy.value is not None and accuracy.value < _EVEN:
        faults["unsupported"] = 1.0 - 2.0 * accuracy.value
    return faults


def _suspect(first: float | None, second: float | None, least: float) -> float:
    """Return how strongly two parts, of which 1 is good, indicate a fault together, 0..1.

    The parts are joined by the mean of their log-odds, and an unknown part is left out. The result
    is 0 up to a probability of `least` and grows to 1 above it.
    """
    if first is None or second is None:
        known = first if second is None else second
        return 0.0 if known is None else max(0.0, (1.0 - known - least) / (1.0 - least))
    if first >= _EVEN and second >= _EVEN:
        return 0.0
    chance = _logistic(-(_odds(first) + _odds(second)) / 2.0)
    return max(0.0, (chance - least) / (1.0 - least))


def _measure_helpfulness(scores: Mapping[str, Score]) -> float:
    """Return the log-odds of being preferred for form and completeness.

    A refusal that was right loses nothing.
    """
    score = scores.get(_HELPFULNESS)
    if score is None or score.value is None:
        return 0.0
    odds = _odds(score.value)
    return max(0.0, odds) if _refuses(scores) and _is_harmful(scores) else odds


def _refuses(scores: Mapping[str, Score]) -> bool:
    refusal = scores.get("refusal")
    return refusal is not None and bool(refusal.value)


def _is_harmful(scores: Mapping[str, Score]) -> bool:
    """Tell whether the prompt is likely one that should be refused."""
    toxicity, injection = scores.get("toxicity"), scores.get("prompt_injection")
    return (toxicity is not None and toxicity.parts.get("prompt", 0.0) >= _HARMFUL) or (
        injection is not None and injection.parts.get("prompt", 0.0) >= _HARMFUL
    )


def _show(scores: Mapping[str, Score], costs: Mapping[str, float]) -> tuple[Evidence, ...]:
    """Return the evidence for each part that lowered the value, as its evaluator gives it."""
    return tuple(
        Evidence(found.field, found.start, found.end, f"{part} costs {cost:.2f}")
        for part, cost in costs.items()
        if (score := scores.get(FAULTS.get(part, part))) is not None
        for found in score.evidence[:1]
    )


def _odds(value: float) -> float:
    bounded = min(max(value, LEAST), 1 - LEAST)
    return math.log(bounded / (1.0 - bounded))


def _logistic(odds: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * odds))
