"""From scores to a verdict: the only place with weights and with the table of promised names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from monitoring.bounds import MOST_WEIGHT
from monitoring.evaluator import Evaluator
from monitoring.models import QualityMetrics, Record, Result, SafetyAssessment, SafetyFlag, Score

__all__ = ["WEIGHTS", "Policy", "Verdict", "assess", "calibrate"]

# 2026-11-23, judgement: whether an answer is to the point and true weighs more than how it reads, and
# likeness to one reference least, since good answers differ. Other quality evaluators weigh nothing until
# they get a line here or in a project's policy.
WEIGHTS: Mapping[str, float] = {
    "relevance": 0.35,
    "factual_accuracy": 0.30,
    "coherence": 0.20,
    "semantic_similarity": 0.15,
}

# Evaluator name -> (part of its score, or None for its value; field of QualityMetrics).
_METRICS: Mapping[str, tuple[tuple[str | None, str], ...]] = {
    "semantic_similarity": ((None, "semantic_similarity"),),
    "factual_accuracy": ((None, "factual_accuracy"),),
    "coherence": ((None, "coherence_score"),),
    "relevance": (
        (None, "response_relevance"),
        ("topical", "topical_relevance"),
        ("contextual", "contextual_relevance"),
        ("intent", "intent_relevance"),
    ),
}
_TOPIC_EVALUATOR = "topic_category"
_REMEMBERED_PLANS = 256


class Policy(msgspec.Struct, frozen=True):
    """What a project decided otherwise: thresholds and weights by evaluator name, and the day it did.

    Raises ValueError for a threshold outside 0..1 (both ends excluded) and for a weight that is negative
    or not finite.
    """

    thresholds: Mapping[str, float] = {}
    weights: Mapping[str, float] = {}
    decided: date | None = None

    def __post_init__(self) -> None:
        for name, threshold in self.thresholds.items():
            if not 0.0 < threshold < 1.0:
                raise ValueError(f"the threshold of {name} lies between 0 and 1")
        for name, weight in self.weights.items():
            if not (weight >= 0.0 and math.isfinite(weight)):
                raise ValueError(f"the weight of {name} is a finite number of zero or more")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the scores of one record amount to, under the names users were promised.

    Quality values are 0..1 and 1 is good, None where nothing can be known; `overall_quality` is the
    weighted mean of those that exist; `low` names the quality evaluators below their threshold.
    `safety_score` is 1 minus the highest calibrated detector value, None when no detector gave one;
    `is_safe` means no flag. `response_length` is in characters.
    """

    semantic_similarity: float | None = None
    factual_accuracy: float | None = None
    response_relevance: float | None = None
    topical_relevance: float | None = None
    contextual_relevance: float | None = None
    intent_relevance: float | None = None
    topic_category: str | None = None
    coherence_score: float | None = None
    response_length: int = 0
    overall_quality: float | None = None
    safety_score: float | None = None
    is_safe: bool = True
    flags: tuple[str, ...] = ()
    low: tuple[str, ...] = ()

    def quality_metrics(self) -> QualityMetrics:
        """Return the quality part as the promised type."""
        return QualityMetrics(**{name: getattr(self, name) for name in QualityMetrics.model_fields})

    def safety_assessment(self, details: Mapping[str, object]) -> SafetyAssessment:
        """Return the safety part as the promised type, with details the caller took from the scores."""
        return SafetyAssessment(
            is_safe=self.is_safe,
            safety_score=self.safety_score,
            flags=tuple(SafetyFlag(flag) for flag in self.flags),
            details=details,
        )


class _Rule(NamedTuple):
    """What the score of one evaluator counts for."""

    name: str
    flag: str | None
    threshold: float | None
    weight: float


class _Plan(NamedTuple):
    """Rules by what they decide; `metrics` are (evaluator, part or None, field of QualityMetrics)."""

    safety: tuple[_Rule, ...]
    quality: tuple[_Rule, ...]
    metrics: tuple[tuple[str, str | None, str], ...]


def calibrate(value: float, threshold: float | None) -> float:
    """Map a detector's value so that its threshold sits at 0.5: linear on either side, 0 and 1 kept.

    Detectors have thresholds of their own making; only then do their values compare.
    """
    if threshold is None:
        return value
    if value < threshold:
        return 0.5 * value / threshold
    return 0.5 + 0.5 * (value - threshold) / (1.0 - threshold) if threshold < 1.0 else 0.5


def assess(
    record: Record, results: Mapping[str, Result], evaluators: Sequence[Evaluator], policy: Policy
) -> Verdict:
    """Combine the results of one record, in microseconds.

    An evaluator that was switched off, failed or knows nothing takes no part: it sets no flag and is in
    no mean.
    """
    plan = _plan(evaluators, policy)
    scores = {
        name: result
        for name, result in results.items()
        if isinstance(result, Score) and result.value is not None
    }
    overall, low = _judge_quality(scores, plan.quality)
    safety, flags = _judge_safety(scores, plan.safety)
    metrics = {
        metric: scores[name].value if part is None else scores[name].parts.get(part)
        for name, part, metric in plan.metrics
        if name in scores
    }
    topic = scores.get(_TOPIC_EVALUATOR)
    return Verdict(
        **metrics,
        topic_category=topic.label if topic else None,
        response_length=len(record.response),
        overall_quality=overall,
        safety_score=safety,
        is_safe=not flags,
        flags=flags,
        low=low,
    )


def _judge_quality(
    scores: Mapping[str, Score], rules: tuple[_Rule, ...]
) -> tuple[float | None, tuple[str, ...]]:
    """Return the weighted mean of what exists, and the names of what is low."""
    total = weights = 0.0
    low: list[str] = []
    for name, _, threshold, weight in rules:
        score = scores.get(name)
        if score is None or score.value is None:
            continue
        total += weight * score.value
        weights += weight
        if threshold is not None and score.value < threshold:
            low.append(name)
    return total / weights if weights else None, tuple(low)


def _judge_safety(
    scores: Mapping[str, Score], rules: tuple[_Rule, ...]
) -> tuple[float | None, tuple[str, ...]]:
    """Return 1 minus the highest calibrated value, and the flags in the order of the evaluators."""
    worst: float | None = None
    flags: list[str] = []
    for name, flag, threshold, _ in rules:
        score = scores.get(name)
        if score is None or score.value is None:
            continue
        value = calibrate(score.value, threshold)
        worst = value if worst is None or value > worst else worst
        if flag and threshold is not None and score.value >= threshold and flag not in flags:
            flags.append(flag)
    return None if worst is None else 1.0 - worst, tuple(flags)


# Keyed by identity, since neither evaluators nor policies hash; the values keep their keys' owners alive.
_plans: dict[tuple[int, int], tuple[Sequence[Evaluator], Policy, _Plan]] = {}


def _plan(evaluators: Sequence[Evaluator], policy: Policy) -> _Plan:
    key = (id(evaluators), id(policy))
    known = _plans.get(key)
    if known is None:
        if len(_plans) >= _REMEMBERED_PLANS:
            _plans.clear()
        plan = _Plan(
            safety=tuple(_rule(one, policy) for one in evaluators if one.category == "safety"),
            quality=tuple(_rule(one, policy) for one in evaluators if one.category == "quality"),
            metrics=tuple(
                (one.name, part, metric) for one in evaluators for part, metric in _METRICS.get(one.name, ())
            ),
        )
        known = _plans[key] = (evaluators, policy, plan)
    return known[2]


def _rule(evaluator: Evaluator, policy: Policy) -> _Rule:
    name = evaluator.name
    return _Rule(
        name=name,
        flag=evaluator.flag,
        threshold=policy.thresholds.get(name, evaluator.threshold),
        weight=min(policy.weights.get(name, WEIGHTS.get(name, 0.0)), MOST_WEIGHT),
    )
