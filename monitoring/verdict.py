"""From scores to a verdict: which evaluators count, and the table of promised names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from monitoring import overall_quality
from monitoring.bounds import MOST_WEIGHT
from monitoring.evaluator import Evaluator
from monitoring.models import QualityMetrics, Record, Result, SafetyAssessment, SafetyFlag, Score

__all__ = ["WEIGHTS", "Policy", "Verdict", "assess", "calibrate"]

# The evaluators that take part in overall_quality count as fitted. Other quality evaluators do not
# count until the policy of a project gives them a weight.
WEIGHTS: Mapping[str, float] = dict.fromkeys(sorted(overall_quality.PARTS), 1.0)

# By evaluator: the part of its score, or None for its value, and the field of QualityMetrics.
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
_WEIGHED = "weighed"  # by the project alone


class Policy(msgspec.Struct, frozen=True):
    """What a project decided for itself: thresholds and weights by evaluator name, and their day.

    The weight of an evaluator that takes part in overall_quality multiplies the cost of what it
    finds: 1 as fitted, 0 nothing, and 2 twice as much. The value of any other quality evaluator is
    averaged in with its weight, and the fitted value has the weight 1. Raises ValueError for a
    threshold outside 0..1 (both ends excluded) and for a weight that is negative or not finite.
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
    """What the scores of one record amount to, under the names that users were promised.

    Quality values are 0..1, where 1 is good, and None where nothing can be known. `overall_quality`
    is how likely people prefer the answer to an ordinary one, which is 0.5. `quality` says what
    lowered it (see `monitoring.overall_quality`). `low` names the quality evaluators whose value is
    below their threshold. `safety_score` is 1 minus the highest calibrated value of a detector, or
    None if no detector has a value. `is_safe` means that there is no flag. `response_length` is in
    characters.
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
    quality: Score | None = None
    safety_score: float | None = None
    is_safe: bool = True
    flags: tuple[str, ...] = ()
    low: tuple[str, ...] = ()

    def quality_metrics(self) -> QualityMetrics:
        """Return the quality part as the promised type."""
        return QualityMetrics(**{name: getattr(self, name) for name in QualityMetrics.model_fields})

    def safety_assessment(self, details: Mapping[str, object]) -> SafetyAssessment:
        """Return the safety part as the promised type.

        The caller took the `details` from the scores.
        """
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
    """The rules by what they decide.

    The rules in `low` can call a record low. The values of those in `added` are averaged into
    overall_quality because the project gave them a weight. `weights` are the weights that the
    project gave to the evaluators that take part in overall_quality anyway. `metrics` are
    (evaluator, part or None, field of QualityMetrics).
    """

    safety: tuple[_Rule, ...]
    low: tuple[_Rule, ...]
    added: tuple[_Rule, ...]
    weights: Mapping[str, float]
    metrics: tuple[tuple[str, str | None, str], ...]


def calibrate(value: float, threshold: float | None) -> float:
    """Map a detector's value so that its threshold becomes 0.5; 0 and 1 stay.

    The map is linear on either side of the threshold. Each detector has its own threshold, so only
    the mapped values can be compared.
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

    An evaluator that was switched off, failed or knows nothing takes no part: it sets no flag and
    is in no mean.
    """
    plan = _plan(evaluators, policy)
    scores = {
        name: result
        for name, result in results.items()
        if isinstance(result, Score) and result.value is not None
    }
    quality = _judge_quality(scores, plan)
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
        overall_quality=None if quality is None else quality.value,
        quality=quality,
        safety_score=safety,
        is_safe=not flags,
        flags=flags,
        low=_find_low(scores, plan.low),
    )


def _judge_quality(scores: Mapping[str, Score], plan: _Plan) -> Score | None:
    """Return the fitted quality, averaged with the other values to which the project gave a weight.

    The fitted quality has the weight 1.
    """
    quality = overall_quality.judge_quality(scores, plan.weights)
    if not plan.added:
        return quality
    added = [
        (weight, value)
        for name, _, _, weight in plan.added
        if (score := scores.get(name)) is not None
        if (value := score.value) is not None
    ]
    if not added:
        return quality
    total = sum(weight for weight, _ in added)
    mean = sum(weight * value for weight, value in added)
    if quality is None or quality.value is None:
        return Score(value=mean / total, label=_WEIGHED, version=overall_quality.VERSION)
    return msgspec.structs.replace(quality, value=(quality.value + mean) / (1.0 + total))


def _find_low(scores: Mapping[str, Score], rules: tuple[_Rule, ...]) -> tuple[str, ...]:
    """Return the names of the quality evaluators whose value is below their threshold."""
    low = []
    for name, _, threshold, _ in rules:
        score = scores.get(name)
        if (
            score is not None
            and score.value is not None
            and threshold is not None
            and score.value < threshold
        ):
            low.append(name)
    return tuple(low)


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


# The key is the identity of both objects, because they cannot be hashed. Each value holds the
# objects, so their identities stay theirs.
_plans: dict[tuple[int, int], tuple[Sequence[Evaluator], Policy, _Plan]] = {}


def _plan(evaluators: Sequence[Evaluator], policy: Policy) -> _Plan:
    key = (id(evaluators), id(policy))
    known = _plans.get(key)
    if known is None:
        if len(_plans) >= _REMEMBERED_PLANS:
            _plans.clear()
        quality = [_rule(one, policy) for one in evaluators if one.category == "quality"]
        plan = _Plan(
            safety=tuple(_rule(one, policy) for one in evaluators if one.category == "safety"),
            low=tuple(rule for rule in quality if rule.threshold is not None),
            added=tuple(rule for rule in quality if rule.weight and rule.name not in overall_quality.PARTS),
            weights={
                name: min(weight, MOST_WEIGHT)
                for name, weight in policy.weights.items()
                if name in overall_quality.PARTS
            },
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
