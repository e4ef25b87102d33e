"""What spans say of tiers, parts, tools and usage objects, priced as records over HTTP are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.schemas.queued import decode_record, encode
from monitoring.marks import Mark
from monitoring.spending.pricing import price_call
from monitoring.spending.usage import usage_of
from tests.unit.otlp.spans import record_of, span

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
OBJECT = "langfuse.observation.usage_details"
MINI: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-5-mini",
    "gen_ai.usage.input_tokens": 1_000_000,
    "gen_ai.usage.output_tokens": 0,
}
REALTIME = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-realtime",
    "llm.token_count.prompt": 1000,
    "llm.token_count.prompt_details.audio": 900,
    "llm.token_count.completion": 500,
    "llm.token_count.completion_details.audio": 450,
}
SONNET = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "claude-sonnet-4-5",
}
HOURLY = {"input_tokens": 3, "cache_creation_input_tokens": 10000, "cache_read_input_tokens": 0, "output_tokens": 1,
          "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 10000}}  # fmt: skip

SPANS: dict[str, tuple[dict[str, Any], str | None]] = {
    "flex": (MINI | {"openai.response.service_tier": "flex"}, ".125"),
    "priority": (MINI | {"openai.response.service_tier": "priority"}, ".45"),
    "the tier that answered": (
        MINI | {"openai.request.service_tier": "flex", "openai.response.service_tier": "default"}, ".25",
    ),
    "a tier that was asked for": (MINI | {"openai.request.service_tier": "priority"}, ".45"),
    "auto": (MINI | {"openai.request.service_tier": "auto"}, ".25"),
    "a tier that nobody has": (MINI | {"openai.response.service_tier": "gold"}, None),
    # 100 x 4 + 900 x 32 + 50 x 16 + 450 x 64 = 58800 a million
    "audio": (REALTIME, ".0588"),
    # 3 x 3 + 10000 x 6 + 1 x 15
    "hourly writes in an object": (SONNET | {OBJECT: json.dumps(HOURLY)}, ".060024"),
    "hourly writes": (
        {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
         "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 10003,
         "gen_ai.usage.output_tokens": 1, "gen_ai.usage.cache_creation.input_tokens": 10000,
         "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens": 10000},
        ".060024",
    ),
    # 9992 x 1.25 + 128 x .2 + (1499 + 2809) x 2.5
    "xAI's object": (
        {"langfuse.observation.type": "generation", "langfuse.observation.model.name": "grok-4.20",
         OBJECT: json.dumps({"prompt_tokens": 10120, "completion_tokens": 1499, "total_tokens": 14428,
                             "prompt_tokens_details": {"cached_tokens": 128},
                             "completion_tokens_details": {"reasoning_tokens": 2809}})},
        ".0232856",
    ),
    "a stated cost": (MINI | {"gen_ai.usage.cost": 0.2}, ".2"),
    "a zero of an instrumentation": (MINI | {"gen_ai.usage.cost": 0}, ".25"),
    "a zero for a model of one's own": (MINI | {"gen_ai.request.model": "house-model", "gen_ai.usage.cost": 0}, "0"),
}  # fmt: skip


@pytest.mark.parametrize(("attributes", "cost"), SPANS.values(), ids=SPANS)
def test_a_span_costs_what_its_provider_charges(attributes: dict[str, Any], cost: str | None) -> None:
    record = record_of(span(attributes))
    found = price_call(record, usage_of(record), AT).cost_usd
    assert found == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    "usage",
    [
        json.dumps(HOURLY | {"input_tokens": -1}),
        json.dumps(HOURLY | {"input_tokens": 10**40}),
        json.dumps(HOURLY | {"input_tokens": "many"}),
        json.dumps(HOURLY | {"cache_creation": 7}),
        json.dumps(HOURLY | {"cache_creation": {"ephemeral_1h_input_tokens": [1]}}),
        json.dumps(HOURLY | {"note": "\0"}),
        json.dumps(HOURLY | {"note": "x" * 70_000}),
        json.dumps({"promptTokenCount": 1, "promptTokensDetails": [{"modality": 7}, 7, None]}),
        repr(HOURLY | {7: {"a": ()}}),
        repr({"prompt_token_count": 1, 7: 1}),
        "[1]",
        "{",
    ],
)
def test_a_bad_usage_object_fails_no_span(usage: str) -> None:
    record = record_of(span(SONNET | {OBJECT: usage}))
    assert decode_record(encode(record)) == record
    assert "\0" not in json.dumps(record.usage)


def test_a_number_beyond_its_bound_is_left_out_and_marked() -> None:
    record = record_of(span(REALTIME | {"llm.token_count.prompt_details.audio": 10**12}))
    assert record.input_audio_tokens is None
    assert Mark.NUMBER_OUT_OF_RANGE in record.marks


def test_a_usage_object_is_kept_as_it_came() -> None:
    record = record_of(span(SONNET | {OBJECT: json.dumps(HOURLY | {"a_key_of_tomorrow": [1]})}))
    assert record.usage == HOURLY | {"a_key_of_tomorrow": [1]}
    assert record.cache_write_1h_tokens == 10000
