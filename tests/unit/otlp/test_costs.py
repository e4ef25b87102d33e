"""What clients say that a call cost: their names for it, and what is no cost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from monitoring.marks import Mark
from monitoring.spending.pricing import Usage, price
from tests.unit.otlp.spans import record_of, span

CALL = {"openinference.span.kind": "LLM", "input.value": "a", "output.value": "b"}
AT = datetime(2026, 11, 1, tzinfo=UTC)
DETAILS = "langfuse.observation.cost_details"

TOLD: dict[str, tuple[dict[str, Any], str | None]] = {
    "OpenInference": ({"llm.cost.total": 0.012}, "0.012"),
    "OpenInference, sides": ({"llm.cost.prompt": 0.01, "llm.cost.completion": 0.002}, "0.012"),
    "OpenInference, one side": ({"llm.cost.prompt": 0.01}, "0.01"),
    "OpenInference, details alone": ({"llm.cost.prompt_details.cache_read": 0.01}, None),
    "LiteLLM": (
        {
            "gen_ai.cost.total_cost": 0.0001302,
            "gen_ai.cost.input_cost": 0.0001032,
            "gen_ai.cost.cache_read_cost": 0.0000768,
            "gen_ai.cost.output_cost": 0.000027,
        },
        "0.0001302",
    ),
    "LiteLLM, sides": (
        {"gen_ai.cost.input_cost": 0.0001032, "gen_ai.cost.cache_read_cost": 0.0000768, "gen_ai.cost.output_cost": 0.000027},
        "0.0001302",
    ),
    "LiteLLM, what is no cost": ({"gen_ai.cost.discount_percent": 0.05, "gen_ai.cost.margin_percent": 0.1}, None),
    "OpenLIT": ({"gen_ai.usage.cost": 0.012}, "0.012"),
    "OpenRouter": ({"gen_ai.usage.total_cost": "0.012"}, "0.012"),
    "OpenRouter, sides": ({"gen_ai.usage.input_cost": 0.01, "gen_ai.usage.output_cost": 0.002}, "0.012"),
    "Pydantic AI": ({"operation.cost": 0.012}, "0.012"),
    "Claude Code": ({"cost_usd": 0.012}, "0.012"),
    "MLflow": ({"mlflow.llm.cost": json.dumps({"input_cost": 0.01, "output_cost": 0.002, "total_cost": 0.012})}, "0.012"),
    "Langfuse": ({DETAILS: json.dumps({"input": 0.01, "output": 0.002, "total": 0.012})}, "0.012"),
    "Langfuse, total alone": ({DETAILS: '{"total": 0.012}'}, "0.012"),
    "Langfuse, parts": ({DETAILS: '{"input": 0.01, "input_cache_read": 0.0015, "output": 0.0005}'}, "0.012"),
    "Langfuse, total null": ({DETAILS: '{"input": 0.01, "output": 0.002, "total": null}'}, "0.012"),
    "Langfuse, texts": ({DETAILS: '{"input": "0.01", "output": "0.002"}'}, "0.012"),
    "Langfuse, nested": ({DETAILS: {"input": 0.01, "output": 0.002}}, "0.012"),
    "Langfuse, empty": ({DETAILS: "{}"}, None),
    "Langfuse, no object": ({DETAILS: "[0.012]"}, None),
    "Langfuse, no JSON": ({DETAILS: "{0.012"}, None),
    "zero": ({"llm.cost.total": 0}, "0"),
    "below zero by its sign alone": ({"llm.cost.total": -0.0}, "0"),
    "an exponent": ({"llm.cost.total": "1.2e-2"}, "0.012"),
    "an integer": ({"llm.cost.total": 3}, "3"),
    "binary dust": ({"llm.cost.total": 0.1 + 0.2}, "0.3"),
    "as exact as it is stored": ({"llm.cost.total": "0.00000000005"}, "0"),
    "the most": ({"llm.cost.total": 100_000}, "100000"),
    "two names": ({"llm.cost.total": 0.012, "gen_ai.usage.cost": 0.5}, "0.012"),
    "two names, one out of bounds": ({"llm.cost.total": -1, "gen_ai.usage.cost": 0.012}, "0.012"),
    "no number": ({"llm.cost.total": "free"}, None),
    "a currency": ({"llm.cost.total": "$0.012"}, None),
    "yes": ({"llm.cost.total": True}, None),
    "a list": ({"llm.cost.total": [0.012]}, None),
    "nothing": ({"llm.cost.total": None}, None),
    "nothing told": ({}, None),
}  # fmt: skip


@pytest.mark.parametrize(("attributes", "cost"), TOLD.values(), ids=TOLD)
def test_a_cost_that_is_told_is_read_under_every_name(attributes: dict[str, Any], cost: str | None) -> None:
    record = record_of(span({**CALL, **attributes}))
    assert record.reported_cost_usd == (None if cost is None else Decimal(cost))
    assert record.marks == ()


def test_litellm_and_we_come_to_the_same_cost_where_its_object_tells_what_was_cached() -> None:
    """As LiteLLM 1.110.2 sends it; without the object 0.000207, 1.6 times what the call cost."""
    usage = {
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 45,
        "gen_ai.usage.total_tokens": 1245,
    }
    told = {
        "prompt_tokens": 1200,
        "completion_tokens": 45,
        "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 1024},
    }
    cost = {"gen_ai.cost.total_cost": 0.0001302, "gen_ai.cost.cache_read_cost": 7.68e-05}
    for known, ours in (({"metadata.usage_object": repr(told)}, "0.0001302"), ({}, "0.000207")):
        record = record_of(span({**CALL, **usage, **cost, **known}))
        counted = Usage(
            record.prompt_tokens or 0, record.completion_tokens or 0, record.cache_read_tokens or 0
        )
        assert price(counted, "openai", "gpt-4o-mini", AT).cost_usd == Decimal(ours)
        assert record.reported_cost_usd == Decimal("0.0001302")


@pytest.mark.parametrize(
    "attributes",
    [
        {"llm.cost.total": -0.01},
        {"llm.cost.total": float("nan")},
        {"llm.cost.total": float("inf")},
        {"llm.cost.total": "NaN"},
        {"llm.cost.total": "-Infinity"},
        {"gen_ai.usage.cost": 100_000.01},
        {"gen_ai.cost.total_cost": "1e400"},
        {"gen_ai.cost.input_cost": -0.01, "gen_ai.cost.output_cost": 0.02},
        {DETAILS: '{"input": -0.01, "output": 0.02}'},
        {DETAILS: '{"input": 60000, "output": 60000}'},
        {DETAILS: '{"total": -1, "input": 0.01}'},
    ],
)
def test_a_cost_beyond_bounds_is_left_out_and_marked(attributes: dict[str, Any]) -> None:
    record = record_of(span({**CALL, **attributes}))
    assert (record.reported_cost_usd, record.marks) == (None, (Mark.NUMBER_OUT_OF_RANGE,))


NAMES = [f"{'0a' * 16}.1793484000.{i:016}" for i in range(20)]
RESERVED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "one": (NAMES[0], (NAMES[0],)),
    "several": ([NAMES[0], NAMES[1], NAMES[0]], (NAMES[0], NAMES[1])),
    "none": ([], ()),
    "no text": (7, ()),
    "another form": ([f"{NAMES[0]}x", "jane@example.com", NAMES[2]], (NAMES[2],)),
    "too many": (NAMES, tuple(NAMES[:16])),
}


@pytest.mark.parametrize(("value", "expected"), RESERVED.values(), ids=RESERVED)
def test_a_span_names_what_was_reserved_for_it(value: Any, expected: tuple[str, ...]) -> None:
    found = record_of(span({**CALL, "llm_monitor.budget_reservation": value}))
    assert found.budget_reservation == expected
