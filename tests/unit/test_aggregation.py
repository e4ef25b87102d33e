from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.figures.aggregation import aggregate, negate
from app.figures.delta import Delta
from app.figures.grains import HOUR, MINUTE
from app.figures.judging import Judging
from app.schemas.traces import Trace
from monitoring.models import Failure, Score
from monitoring.statistics.histogram import bucket_of

JUDGING = Judging(below={"coherence": 0.5}, at_or_above={"toxicity": 0.5})
DESCRIPTIVE = frozenset({"topic"})
MOMENT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def score(value: float | None, label: str = "x", **parts: float) -> Score:
    return Score(value=value, label=label, version="1", parts=parts)


def trace(number: int = 1, **fields: Any) -> Trace:
    defaults: dict[str, Any] = {
        "project_id": "default",
        "trace_id": UUID(int=number),
        "job_id": "job",
        "source": "live",
        "kind": "llm",
        "occurred_at": MOMENT,
        "model_name": "gpt-4",
        "prompt": "p",
        "response": "r",
        "scores": {},
        "pricing_status": "unknown",
    }
    given = defaults | fields
    return Trace(**given, hits=JUDGING.hits(given["scores"]))


def of(deltas: list[Delta], dimension: str) -> list[Delta]:
    return [delta for delta in deltas if delta.dimension == dimension]


def measure(delta: Delta, name: str) -> tuple[int, float, int]:
    at = delta.measures.index(name)
    return delta.counts[at], delta.sums[at], delta.hits[at]


def test_counts_and_sums_are_exact() -> None:
    traces = [
        trace(1, overall_quality=0.5, cost_usd=Decimal("0.1"), prompt_tokens=3, completion_tokens=4),
        trace(2, overall_quality=None, cost_usd=None, prompt_tokens=None),
        trace(3, overall_quality=0.25, cost_usd=Decimal("0.2"), safety_score=0.4, is_safe=False),
        trace(4, safety_score=0.9, is_safe=True),
    ]
    (total,) = of(aggregate(traces, DESCRIPTIVE), "all")
    assert (total.records, total.assessed, total.unsafe) == (4, 2, 1)
    assert (total.quality_count, total.quality_sum) == (2, 0.75)
    assert (total.priced, total.cost_usd) == (2, Decimal("0.3"))
    assert (total.prompt_tokens, total.completion_tokens) == (3, 4)
    assert measure(total, "safety_score") == (2, pytest.approx(1.3), 0)


@pytest.mark.parametrize(
    ("scores", "name", "expected"),
    [
        ({"toxicity": score(0.5)}, "toxicity", (1, 0.5, 1)),
        ({"toxicity": score(0.49)}, "toxicity", (1, 0.49, 0)),
        ({"coherence": score(0.49)}, "coherence", (1, 0.49, 1)),
        ({"coherence": score(0.5)}, "coherence", (1, 0.5, 0)),
        ({"custom": score(0.0)}, "custom", (1, 0.0, 0)),
        ({"relevance": score(None, topical=0.2)}, "relevance.topical", (1, 0.2, 0)),
    ],
)
def test_a_value_beyond_its_threshold_is_a_hit(
    scores: dict[str, Any], name: str, expected: tuple[int, float, int]
) -> None:
    (total,) = of(aggregate([trace(scores=scores)], DESCRIPTIVE), "all")
    assert measure(total, name) == expected


def test_unknown_values_and_failures_are_in_no_count() -> None:
    failure = Failure(evaluator="toxicity", version="1", error="ValueError", message="no")
    (total,) = of(
        aggregate([trace(scores={"coherence": score(None), "toxicity": failure})], DESCRIPTIVE), "all"
    )
    assert total.measures == ()


def test_histograms_hold_every_value_in_its_bucket() -> None:
    values = [0.0, 0.5, 0.5, 1.0]
    traces = [trace(i, scores={"coherence": score(value)}) for i, value in enumerate(values)]
    (total,) = of(aggregate(traces, DESCRIPTIVE), "all")
    cells = dict(zip(total.bins, total.bin_counts, strict=True))
    zero, half, one = bucket_of([0.0, 0.5, 1.0]).tolist()
    assert cells == {zero: 1, half: 2, one: 1}
    assert set(total.bin_measures) == {total.measures.index("coherence") + 1}


def test_buckets_are_minutes_for_totals_and_hours_for_breakdowns() -> None:
    deltas = aggregate([trace(user_id="ada", tags=("a", "b"), template_id="t1")], DESCRIPTIVE)
    starts = {delta.dimension: (delta.grain, delta.bucket) for delta in deltas}
    minute, hour = MOMENT.replace(second=0), MOMENT.replace(minute=0, second=0)
    assert starts["all"] == starts["model"] == (MINUTE, minute)
    assert starts["user"] == starts["tag"] == starts["template"] == (HOUR, hour)
    assert sorted(delta.value for delta in of(deltas, "tag")) == ["a", "b"]
    assert [(delta.value, delta.model) for delta in of(deltas, "template")] == [("t1", "gpt-4")]


def test_flags_are_counted_with_model_template_and_newest_examples() -> None:
    traces = [trace(i, flags=("toxicity", "bias"), template_id="t") for i in range(5)]
    deltas = aggregate(traces, DESCRIPTIVE)
    flagged = {delta.value: delta for delta in of(deltas, "flag")}
    assert set(flagged) == {"toxicity", "bias"}
    assert (flagged["bias"].model, flagged["bias"].template, flagged["bias"].records) == ("gpt-4", "t", 5)
    assert flagged["bias"].examples == (UUID(int=4), UUID(int=3), UUID(int=2))
    (total,) = of(deltas, "all")
    assert measure(total, "flag:toxicity") == (5, 5.0, 5)


def test_descriptive_evaluators_become_a_dimension_with_measures() -> None:
    traces = [
        trace(1, scores={"topic": score(0.9, "law"), "relevance": score(0.2)}),
        trace(2, scores={"topic": score(None, "unknown")}),
    ]
    topics = {delta.value: delta for delta in of(aggregate(traces, DESCRIPTIVE), "topic")}
    assert set(topics) == {"law", "unknown"}
    assert measure(topics["law"], "relevance") == (1, 0.2, 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1e20])
def test_a_measure_that_is_no_measure_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="zero or more"):
        aggregate([trace(scores={"coherence": score(0.5), "custom": score(value)})], DESCRIPTIVE)


def test_spans_that_are_no_llm_call_add_nothing() -> None:
    assert aggregate([trace(kind="tool")], DESCRIPTIVE) == []


def test_sources_minutes_and_models_are_apart() -> None:
    later = MOMENT.replace(minute=3)
    traces = [trace(1), trace(2, source="import"), trace(3, occurred_at=later), trace(4, model_name="b")]
    deltas = aggregate(traces, DESCRIPTIVE)
    assert sorted((d.source, d.bucket.minute, d.records) for d in of(deltas, "all")) == [
        ("import", 2, 1),
        ("live", 2, 2),
        ("live", 3, 1),
    ]
    assert sorted((d.source, d.value, d.records) for d in of(deltas, "model")) == [
        ("import", "gpt-4", 1),
        ("live", "b", 1),
        ("live", "gpt-4", 1),
        ("live", "gpt-4", 1),
    ]


def test_names_beyond_a_cap_are_counted_together() -> None:
    traces = [
        trace(
            i,
            user_id=f"u{i}",
            model_name=f"m{i}",
            tags=("a", "b"),
            marks=("other:user", "other:model", "other:tag:b")[: 3 * i],
        )
        for i in range(4)
    ]
    deltas = aggregate(traces, DESCRIPTIVE)
    assert sorted((d.value, d.records) for d in of(deltas, "tag")) == [("(other)", 3), ("a", 4), ("b", 1)]
    assert sorted((d.value, d.records) for d in of(deltas, "user")) == [("(other)", 3), ("u0", 1)]
    assert sorted((d.value, d.records) for d in of(deltas, "model")) == [("(other)", 3), ("m0", 1)]


def test_what_was_added_is_taken_back_to_nothing() -> None:
    traces = [
        trace(
            i,
            user_id="ada",
            tags=("a",),
            flags=("bias",),
            cost_usd=Decimal("0.1") * i,
            overall_quality=0.1 * i,
            scores={"topic": score(0.9, "law"), "coherence": score(0.1 * i)},
        )
        for i in range(5)
    ]
    deltas = list(aggregate(traces, DESCRIPTIVE))
    assert deltas
    for delta in deltas:
        back = negate(delta)
        assert (back.records, back.cost_usd, back.quality_sum) == (
            -delta.records,
            -delta.cost_usd,
            -delta.quality_sum,
        )
        assert [a + b for a, b in zip(delta.bin_counts, back.bin_counts, strict=True)] == [0] * len(
            delta.bins
        )
        assert [a + b for a, b in zip(delta.hits, back.hits, strict=True)] == [0] * len(delta.measures)
        assert (back.bucket, back.measures, back.bins, back.examples) == (
            delta.bucket,
            delta.measures,
            delta.bins,
            (),
        )
