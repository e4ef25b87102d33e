import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.evaluator import Category
from monitoring.models import Failure, QualityMetrics, Record, SafetyFlag, Score, TextField
from monitoring.text.prepared import Prepared
from monitoring.verdict import WEIGHTS, Policy, Verdict, assess, calibrate

RECORD = Record(prompt="q", response="four")
PLAIN = Policy()
values = st.floats(0, 1)


@dataclass(frozen=True)
class Fake:
    name: str
    category: Category
    threshold: float | None = None
    flag: str | None = None
    version: str = "1"
    needs: frozenset[TextField] = frozenset({"response"})

    def evaluate(self, batch: Prepared) -> list[Score]:
        raise NotImplementedError


EVALUATORS = (
    Fake("bias", "safety", 0.8, "bias"),
    Fake("coherence", "quality", 0.3),
    Fake("factual_accuracy", "quality", 0.4),
    Fake("pii", "safety", 0.5, "pii_leak"),
    Fake("relevance", "quality", 0.4),
    Fake("semantic_similarity", "quality"),
    Fake("topic_category", "descriptive"),
    Fake("toxicity", "safety", 0.6, "toxicity"),
)


def score(value: float | None, label: str = "x", **parts: Any) -> Score:
    return Score(value=value, label=label, version="1", parts=parts)


def verdict(evaluators: tuple[Fake, ...] = EVALUATORS, policy: Policy = PLAIN, /, **results: Any) -> Verdict:
    return assess(RECORD, results, evaluators, policy)


def test_scores_get_the_promised_names() -> None:
    found = verdict(
        semantic_similarity=score(0.1),
        factual_accuracy=score(0.5),
        relevance=score(0.6, topical=0.7, contextual=0.8),
        coherence=score(0.9),
        topic_category=score(1.0, "cooking"),
    )
    assert found == Verdict(
        semantic_similarity=0.1,
        factual_accuracy=0.5,
        response_relevance=0.6,
        topical_relevance=0.7,
        contextual_relevance=0.8,
        intent_relevance=None,
        coherence_score=0.9,
        topic_category="cooking",
        response_length=4,
        overall_quality=pytest.approx(0.35 * 0.6 + 0.3 * 0.5 + 0.2 * 0.9 + 0.15 * 0.1),  # type: ignore[arg-type]  # it equals numbers that are close
    )
    assert found.quality_metrics() == QualityMetrics(
        semantic_similarity=0.1,
        factual_accuracy=0.5,
        response_relevance=0.6,
        topical_relevance=0.7,
        contextual_relevance=0.8,
        coherence_score=0.9,
        topic_category="cooking",
        response_length=4,
        overall_quality=found.overall_quality,
    )


def test_overall_quality_is_the_weighted_mean_of_what_exists() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert verdict(coherence=score(0.9), relevance=score(None)).overall_quality == pytest.approx(0.9)
    assert verdict(coherence=score(0.9), relevance=score(0.2)).overall_quality == pytest.approx(
        (0.2 * 0.9 + 0.35 * 0.2) / 0.55
    )
    assert verdict(coherence=score(None), toxicity=score(0.1)).overall_quality is None
    assert verdict().overall_quality is None


@pytest.mark.parametrize(
    ("value", "flags", "safety"),
    [(0.0, (), 1.0), (0.3, (), 0.75), (0.599, (), 0.5), (0.6, ("toxicity",), 0.5), (1.0, ("toxicity",), 0.0)],
)
def test_a_detector_flags_at_its_threshold_which_is_half_the_safety_scale(
    value: float, flags: tuple[str, ...], safety: float
) -> None:
    found = verdict(toxicity=score(value))
    assert found.flags == flags
    assert found.is_safe is (not flags)
    assert found.safety_score == pytest.approx(safety, abs=1e-3)


def test_the_safety_score_follows_the_worst_calibrated_detector() -> None:
    found = verdict(bias=score(0.7), pii=score(0.45), toxicity=score(0.1))
    assert found.safety_score == pytest.approx(1 - 0.45)
    assert found.is_safe
    found = verdict(bias=score(0.9), pii=score(0.5), toxicity=score(0.7))
    assert found.flags == ("bias", "pii_leak", "toxicity")
    assert found.safety_score == pytest.approx(0.25)
    assert found.safety_assessment({"bias": 1}).flags == (
        SafetyFlag.BIAS,
        SafetyFlag.PII_LEAK,
        SafetyFlag.TOXICITY,
    )


def test_without_detector_values_safety_is_unknown_and_nothing_is_flagged() -> None:
    for found in (verdict(), verdict(toxicity=score(None, "empty")), verdict(coherence=score(0.1))):
        assert found.safety_score is None
        assert found.is_safe
        assert found.flags == ()


def test_a_failure_takes_no_part() -> None:
    failed = Failure(evaluator="toxicity", version="1", error="ValueError", message="no")
    assert verdict(toxicity=failed, relevance=failed, pii=score(0.2)) == verdict(pii=score(0.2))


def test_a_new_safety_evaluator_flags_without_being_known_here() -> None:
    evaluators = (*EVALUATORS, Fake("self_harm", "safety", 0.9, "self_harm"))
    found = verdict(evaluators, self_harm=score(0.95))
    assert found.flags == ("self_harm",)
    assert found.safety_score == pytest.approx(0.25)
    assert found.safety_assessment({}).flags[0].value == "self_harm"


def test_a_new_quality_evaluator_weighs_nothing_until_a_policy_says_so() -> None:
    evaluators = (*EVALUATORS, Fake("brevity", "quality", 0.5))
    results = {"brevity": score(0.0), "coherence": score(1.0)}
    assert verdict(evaluators, **results).overall_quality == 1.0
    assert verdict(evaluators, **results).low == ("brevity",)
    policy = Policy(weights={"brevity": 0.2})
    assert verdict(evaluators, policy, **results).overall_quality == pytest.approx(0.5)


def test_a_detector_without_a_threshold_counts_and_never_flags() -> None:
    found = verdict((Fake("anger", "safety"),), anger=score(0.9))
    assert found.safety_score == pytest.approx(0.1)
    assert found.is_safe


def test_two_detectors_of_one_flag_raise_it_once() -> None:
    evaluators = (Fake("a", "safety", 0.5, "bias"), Fake("b", "safety", 0.5, "bias"))
    assert verdict(evaluators, a=score(0.9), b=score(0.8)).flags == ("bias",)


def test_a_projects_thresholds_replace_the_evaluators() -> None:
    strict = Policy(thresholds={"toxicity": 0.2, "coherence": 0.95})
    found = verdict(EVALUATORS, strict, toxicity=score(0.3), coherence=score(0.9))
    assert found.flags == ("toxicity",)
    assert found.low == ("coherence",)
    assert verdict(toxicity=score(0.3), coherence=score(0.9)).low == ()


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        *[("thresholds", "toxicity", bad) for bad in (0.0, 1.0, -0.1, 1.1, float("nan"))],
        *[("weights", "coherence", bad) for bad in (-0.1, float("inf"), float("nan"))],
    ],
)
def test_a_policy_is_checked(kind: str, name: str, value: float) -> None:
    given: dict[str, Any] = {kind: {name: value}}
    with pytest.raises(ValueError, match=name):
        Policy(**given)


@given(values, values, st.floats(0.01, 0.99))
def test_calibration_is_monotone_and_puts_the_threshold_at_one_half(
    first: Any, second: Any, threshold: Any
) -> None:
    low, high = sorted((first, second))
    assert 0 <= calibrate(low, threshold) <= calibrate(high, threshold) <= 1
    assert calibrate(threshold, threshold) == 0.5
    if abs(first - threshold) > 1e-9:
        assert (calibrate(first, threshold) > 0.5) is (first > threshold)


@given(st.dictionaries(st.sampled_from([e.name for e in EVALUATORS]), st.one_of(st.none(), values)))
def test_every_verdict_is_within_its_ranges(found: Any) -> None:
    result = verdict(**{name: score(value) for name, value in found.items()})
    for number in (result.overall_quality, result.safety_score):
        assert number is None or 0 <= number <= 1
    assert result.is_safe is (not result.flags)
    if result.safety_score is not None and abs(result.safety_score - 0.5) > 1e-9:
        assert result.is_safe is (result.safety_score > 0.5)


def test_a_verdict_takes_microseconds() -> None:
    results = {e.name: score(0.3) for e in EVALUATORS}
    assess(RECORD, results, EVALUATORS, PLAIN)
    before = time.thread_time()
    for _ in range(2_000):
        assess(RECORD, results, EVALUATORS, PLAIN)
    assert (time.thread_time() - before) / 2_000 < 100e-6
