"""Every number from outside has a bound, whichever way it comes in."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from app.errors import InvalidRecord
from app.figures.aggregation import add_up, aggregate
from app.figures.delta import Delta
from app.figures.observation import observe
from app.schemas.records import read_record, read_records
from monitoring.bounds import BEYOND, MOST_MILLISECONDS, MOST_TOKENS, MOST_USD, MOST_VALUE, bounded
from monitoring.cost import CostTracker
from monitoring.marks import Mark
from monitoring.models import Record, Score
from monitoring.spending.pricing import Usage, price
from monitoring.verdict import Policy, assess
from tests.unit.otlp.spans import START_NS, record_of, span
from tests.unit.test_aggregation import MOMENT, measure, of, trace

HUGE_INTEGER = "1" + "0" * 400
GENEROUS = 10**9  # records that a sum must be able to bear


def test_sums_of_a_thousand_million_records_fit_their_columns() -> None:
    assert GENEROUS * MOST_TOKENS < 2**63  # bigint
    assert GENEROUS * MOST_USD <= 10**14  # numeric(24, 10)
    assert GENEROUS * max(MOST_MILLISECONDS, MOST_VALUE) < 1e300  # double precision
    assert max(MOST_TOKENS, MOST_MILLISECONDS, MOST_VALUE) < BEYOND


@pytest.mark.parametrize("field", ["response_time_ms", "time_to_first_token_ms"])
@pytest.mark.parametrize(
    ("number", "taken"),
    [
        ("0", True),
        ("-0.0", True),
        ("1e12", True),
        ("1.0000001e12", False),
        ("1.7e308", False),
        ("1e400", False),
        ("-1e-9", False),
        (HUGE_INTEGER, False),
        ('"5"', False),
        ("true", False),
    ],
)
def test_durations_over_http_are_taken_within_bounds_and_refused_by_name(
    field: str, number: str, *, taken: bool
) -> None:
    check(field, number, taken=taken)


@pytest.mark.parametrize("field", ["prompt_tokens", "completion_tokens", "cache_read_tokens"])
@pytest.mark.parametrize(
    ("number", "taken"),
    [
        ("0", True),
        (str(MOST_TOKENS), True),
        (str(MOST_TOKENS + 1), False),
        (str(2**40), False),
        (str(2**64), False),
        ("1e400", False),
        (HUGE_INTEGER, False),
        ("-1", False),
        ("true", False),
    ],
)
def test_counts_over_http_are_taken_within_bounds_and_refused_by_name(
    field: str, number: str, *, taken: bool
) -> None:
    check(field, number, taken=taken)


def check(field: str, number: str, *, taken: bool) -> None:
    line = f'{{"prompt": "p", "response": "r", "{field}": {number}}}'.encode()
    if taken:
        assert getattr(read_record(line), field) == float(number)
        return
    with pytest.raises(InvalidRecord) as caught:
        read_record(line)
    assert caught.value.errors[0]["field"] == field
    good, bad = read_records(b'{"prompt": "p", "response": "r"}\n' + line, "ndjson")
    assert isinstance(good, Record)
    assert not isinstance(bad, Record)


@pytest.mark.parametrize(
    ("value", "kept", "marked"),
    [
        (250.0, 250.0, False),
        ("250.5", 250.5, False),
        (-0.0, 0.0, False),
        (1e12, None, True),  # the call took a quarter of a second
        (1.7e308, None, True),
        ("1e400", None, True),
        (float("inf"), None, True),
        (float("nan"), None, True),
        (-1.0, None, True),
        (HUGE_INTEGER, None, True),
        (True, None, False),
        ("soon", None, False),
        (None, None, False),
        ([1.7e308], None, False),
    ],
)
def test_a_first_token_beyond_bounds_is_left_out_of_its_span_and_marked(
    value: Any, kept: float | None, *, marked: bool
) -> None:
    record = record_of(span({"gen_ai.operation.name": "chat", "ai.response.msToFirstChunk": value}))
    assert record.time_to_first_token_ms == kept
    assert (Mark.NUMBER_OUT_OF_RANGE in record.marks) is marked


@pytest.mark.parametrize("seconds", [1e306, 1.7e308, 1e9 + 1, float("inf")])
def test_seconds_that_become_too_many_milliseconds_are_left_out(seconds: float) -> None:
    for name in ("gen_ai.server.time_to_first_token", "gen_ai.response.time_to_first_chunk"):
        record = record_of(span({"gen_ai.operation.name": "chat", name: seconds}))
        assert (record.time_to_first_token_ms, Mark.NUMBER_OUT_OF_RANGE in record.marks) == (None, True)


def test_a_usable_value_of_another_name_is_taken_without_a_mark() -> None:
    record = record_of(
        span({"gen_ai.usage.input_tokens": 2**50, "llm.token_count.prompt": 7, "input.value": "hi"})
    )
    assert (record.prompt_tokens, Mark.NUMBER_OUT_OF_RANGE in record.marks) == (7, False)


@pytest.mark.parametrize("count", [2**40, HUGE_INTEGER, "1e300", -1, float("inf")])
def test_counts_of_spans_beyond_bounds_are_left_out_and_marked(count: Any) -> None:
    attributes = {"gen_ai.usage.input_tokens": count, "gen_ai.usage.output_tokens": 7, "input.value": "hi"}
    record = record_of(span({"gen_ai.operation.name": "chat", **attributes}))
    assert (record.prompt_tokens, record.completion_tokens) == (None, 7)
    assert Mark.NUMBER_OUT_OF_RANGE in record.marks


def test_counts_that_are_added_up_are_bounded_as_their_sum() -> None:
    details = f'{{"input": {MOST_TOKENS}, "cache_read_input_tokens": {MOST_TOKENS}}}'
    record = record_of(span({"gen_ai.operation.name": "chat", "langfuse.observation.usage_details": details}))
    assert (record.prompt_tokens, record.cache_read_tokens) == (None, MOST_TOKENS)
    assert Mark.NUMBER_OUT_OF_RANGE in record.marks


def test_a_span_of_centuries_has_no_duration() -> None:
    long = span({"gen_ai.operation.name": "chat"}, end_ns=2**64 - 1)
    assert (record_of(long).response_time_ms, record_of(long).marks[-1]) == (None, Mark.NUMBER_OUT_OF_RANGE)
    first = span({"gen_ai.operation.name": "chat"}, start_ns=1, end_ns=START_NS)
    assert record_of(first).response_time_ms is None


def test_a_record_within_bounds_is_the_same_object() -> None:
    record = Record(prompt="p", response="r", response_time_ms=MOST_MILLISECONDS, prompt_tokens=MOST_TOKENS)
    assert bounded(record) is record
    left = bounded(msgspec.structs.replace(record, reasoning_tokens=MOST_TOKENS + 1, marks=("empty_prompt",)))
    assert left == msgspec.structs.replace(record, marks=("empty_prompt", Mark.NUMBER_OUT_OF_RANGE))
    assert bounded(left) is left


def test_a_cost_beyond_what_a_call_can_cost_is_unknown_and_says_so() -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    dear = price(Usage(MOST_TOKENS, MOST_TOKENS), "openai", "o1-pro", now)
    assert (dear.cost_usd, dear.status) == (None, "out_of_range")
    assert dear.source
    honest = price(Usage(200_000, 100_000), "openai", "o1-pro", now)
    assert (honest.cost_usd, honest.status) == (Decimal(90), "priced")
    tracker = CostTracker(clock=lambda: now)
    assert tracker.log_inference("o1-pro", 2**40, 2**40).cost_usd is None


@pytest.mark.parametrize("weight", [1e308, 1.7976931348623157e308])
def test_weights_of_any_size_leave_a_quality(weight: float) -> None:
    from tests.integration.worker_rig import WordCount

    evaluator = WordCount()
    policy = Policy(weights={evaluator.name: weight})
    score = Score(value=0.5, label="x", version="1")
    verdict = assess(Record(prompt="p", response="r"), {evaluator.name: score}, (evaluator,), policy)
    assert verdict.overall_quality == 0.5


POISONED = {
    "response_time_ms": float("inf"),
    "time_to_first_token_ms": 1.7e308,
    "cost_usd": Decimal("1e9"),
    "prompt_tokens": 2**40,
    "completion_tokens": -1,
    "overall_quality": float("nan"),
}


def test_what_a_stored_trace_says_beyond_bounds_counts_as_unknown() -> None:
    """So that erasing it takes back what is in the sums once they are repaired: nothing."""
    (total,) = of(aggregate([trace(1, **POISONED), trace(2, response_time_ms=5.0)], frozenset()), "all")
    assert (total.records, total.priced, total.cost_usd, total.quality_count) == (2, 0, 0, 0)
    assert (total.prompt_tokens, total.completion_tokens) == (0, 0)
    assert measure(total, "response_time_ms") == (1, 5.0, 0)
    assert "time_to_first_token_ms" not in total.measures


@pytest.mark.parametrize(
    "changes",
    [
        {"values": [1.7e308]},
        {"values": [float("inf")]},
        {"costs": [Decimal("1e10")]},
        {"prompt_tokens": [2**40]},
    ],
)
def test_a_batch_from_before_there_were_bounds_is_not_added_up(changes: dict[str, Any]) -> None:
    (batch,) = observe([trace(1, response_time_ms=5.0, occurred_at=MOMENT)], frozenset())
    deltas: list[Delta] = add_up([batch])
    assert deltas
    with pytest.raises(ValueError, match="beyond"):
        add_up([msgspec.structs.replace(batch, **changes)])
