"""One number for an answer: how likely people prefer it to an ordinary one, by its scores, and what cost how much.

The combination is fitted by `benchmarks/train/quality.py`: log-odds that start at the answer's helpfulness and lose what
each fault takes away. A fault that nothing is known of takes nothing away.
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
"""Evaluators that take part; one of them must know something for there to be a value."""

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
# 2026-11-30: people's choices between real answers follow signs of a cut only where these are surer than this.
_SURE = 0.85
_ORDINARY, _REFUSED = "ordinary", "refused"
LEAST = 1e-4
"""How near to 0 and 1 a value may be where its log-odds are taken."""
_HARMFUL = 0.5
_SHOWN = 0.02  # what costs less than this is not told
# Log-odds that can cost no more than that, since the curve's slope is a quarter at most.
_UNSEEN = -4 * _SHOWN


class Combination(NamedTuple):
    """What each fault costs in log-odds where it is certain, by its name, and what an ordinary answer has."""

    costs: Mapping[str, float]
    ordinary: float


@cache
def load_combination() -> Combination:
    """Return the fitted combination."""
    weights = load_weights("quality")
    costs = dict(zip(FAULTS, weights["costs"].tolist(), strict=True))
    return Combination(costs, float(weights["ordinary"]))


def judge_quality(scores: Mapping[str, Score], weights: Mapping[str, float]) -> Score | None:
    """Return the quality of an answer with what cost how much, None where nothing can be known.

    `scores` are those that have a value, `weights` what the evaluators in `PARTS` count for: 1 as fitted, 0 not at
    all. The parts tell what each fault, or little helpfulness, left of the value, 1 where it took nothing; what took
    less than 0.02 is left out. The label is what took most (`refused` where little
    helpfulness comes of a refusal), `ordinary` where nothing did.
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
    """Return how far the faults are there that speak for themselves, above 0 up to 1, by their name."""
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
    """Return how far two parts of which 1 is good speak for a fault together: 0 up to a chance of `least`, then up to 1.

    They are joined by the mean of their log-odds; what is unknown takes no part.
    """
    if first is None or second is None:
        known = first if second is None else second
        return 0.0 if known is None else max(0.0, (1.0 - known - least) / (1.0 - least))
    if first >= _EVEN and second >= _EVEN:
        return 0.0
    chance = _logistic(-(_odds(first) + _odds(second)) / 2.0)
    return max(0.0, (chance - least) / (1.0 - least))


def _measure_helpfulness(scores: Mapping[str, Score]) -> float:
    """Return the log-odds of being preferred for form and completeness; a refusal that was right costs none."""
    score = scores.get(_HELPFULNESS)
    if score is None or score.value is None:
        return 0.0
    odds = _odds(score.value)
    return max(0.0, odds) if _refuses(scores) and _is_harmful(scores) else odds


def _refuses(scores: Mapping[str, Score]) -> bool:
    refusal = scores.get("refusal")
    return refusal is not None and bool(refusal.value)


def _is_harmful(scores: Mapping[str, Score]) -> bool:
    """Tell whether the prompt reads as one that is better refused."""
    toxicity, injection = scores.get("toxicity"), scores.get("prompt_injection")
    return (toxicity is not None and toxicity.parts.get("prompt", 0.0) >= _HARMFUL) or (
        injection is not None and injection.parts.get("prompt", 0.0) >= _HARMFUL
    )


def _show(scores: Mapping[str, Score], costs: Mapping[str, float]) -> tuple[Evidence, ...]:
    """Return where each part that cost something was found, as its evaluator shows it."""
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
