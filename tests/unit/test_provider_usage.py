"""Usage objects of providers in a record.

An object is kept as it came, read by its keys, and refused with the path of its fault.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.errors import InvalidRecord
from app.schemas.queued import decode_record, encode
from app.schemas.records import read_record, read_records
from monitoring.bounds import MOST_REQUESTS, MOST_TOKENS
from monitoring.marks import Mark
from monitoring.models import Record

ANTHROPIC = {"input_tokens": 10, "output_tokens": 5}
CHAT = {"prompt_tokens": 10, "completion_tokens": 5}
GEMINI = {"promptTokenCount": 10, "candidatesTokenCount": 5}


def read(usage: Any, **fields: Any) -> Record:
    return read_record(msgspec.json.encode({"prompt": "p", "response": "r", "usage": usage, **fields}))


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        (ANTHROPIC | {"input_tokens": -1}, "usage.input_tokens"),
        (ANTHROPIC | {"input_tokens": MOST_TOKENS + 1}, "usage.input_tokens"),
        (ANTHROPIC | {"input_tokens": "10"}, "usage.input_tokens"),
        (ANTHROPIC | {"input_tokens": True}, "usage.input_tokens"),
        (ANTHROPIC | {"input_tokens": 1.5}, "usage.input_tokens"),
        (ANTHROPIC | {"input_tokens": [10]}, "usage.input_tokens"),
        (
            ANTHROPIC | {"cache_creation": {"ephemeral_1h_input_tokens": -5}},
            "usage.cache_creation.ephemeral_1h_input_tokens",
        ),
        (ANTHROPIC | {"cache_read_input_tokens": 0, "cache_creation": 7}, "usage.cache_creation"),
        (
            ANTHROPIC | {"server_tool_use": {"web_search_requests": MOST_REQUESTS + 1}},
            "usage.server_tool_use.web_search_requests",
        ),
        (
            CHAT | {"prompt_tokens_details": {"cached_tokens": -1}},
            "usage.prompt_tokens_details.cached_tokens",
        ),
        (CHAT | {"prompt_tokens_details": "none"}, "usage.prompt_tokens_details"),
        (CHAT | {"total_tokens": -1}, "usage.total_tokens"),
        (GEMINI | {"thoughtsTokenCount": -1}, "usage.thoughtsTokenCount"),
        (GEMINI | {"promptTokensDetails": {"modality": "AUDIO"}}, "usage.promptTokensDetails"),
        (
            GEMINI | {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": -1}]},
            "usage.promptTokensDetails.tokenCount",
        ),
        ("none", "usage"),
        ([1], "usage"),
        ({"note": "x" * 70_000}, "usage"),
    ],
)
def test_a_usage_that_holds_no_count_is_refused_by_its_path(usage: Any, field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        read(usage)
    assert caught.value.errors[0]["field"] == field
    line = msgspec.json.encode({"prompt": "p", "response": "r", "usage": usage})
    good, bad = read_records(b'{"prompt": "p", "response": "r"}\n' + line, "ndjson")
    assert isinstance(good, Record)
    assert bad.field == field  # type: ignore[union-attr]  # a rejection, which has a field


@pytest.mark.parametrize(
    "usage",
    [
        ANTHROPIC | {"cache_read_input_tokens": None, "cache_creation": None, "server_tool_use": None},
        ANTHROPIC | {"input_tokens": 10.0},
        ANTHROPIC | {"a_key_of_tomorrow": -1, "nested": {"deep": [1, "two", None]}},
        CHAT | {"completion_tokens_details": None, "queue_time": 0.02},
        GEMINI | {"promptTokensDetails": [{"modality": 7, "tokenCount": 3}, "odd"]},
        {"input_tokens": 10, "output_tokens": 5},
    ],
)
def test_a_usage_is_kept_as_it_came_and_unknown_keys_are_not_guessed_at(usage: dict[str, Any]) -> None:
    record = read(usage)
    assert record.usage == usage
    assert (record.prompt_tokens, record.completion_tokens, record.marks) == (10, 5, ())
    assert decode_record(encode(record)) == record


@pytest.mark.parametrize("usage", [{"seconds": 3}, {"tokens": 10, "note": "\0"}, {}])
def test_a_usage_of_no_known_shape_says_nothing(usage: dict[str, Any]) -> None:
    record = read(usage, prompt_tokens=7)
    assert (record.prompt_tokens, record.completion_tokens) == (7, None)
    assert set(record.usage) == set(usage)


@pytest.mark.parametrize(
    ("provider", "model", "usage", "counts"),
    [
        # reasoning is beside the completion at xAI, as xAI documents, and inside it at OpenAI,
        # whatever the sizes say
        ("xai", "grok-4", CHAT | {"completion_tokens_details": {"reasoning_tokens": 3}}, (10, 8, None, 3)),
        ("openai", "gpt-5", CHAT | {"completion_tokens_details": {"reasoning_tokens": 3}}, (10, 5, None, 3)),
        (None, "grok-4", CHAT | {"completion_tokens_details": {"reasoning_tokens": 3}}, (10, 8, None, 3)),
        # the rule of the provider comes before a total
        (
            "openai",
            "gpt-5",
            CHAT | {"total_tokens": 18, "completion_tokens_details": {"reasoning_tokens": 3}},
            (10, 5, None, 3),
        ),
        # without a rule the total decides
        (
            "house",
            "m",
            CHAT | {"total_tokens": 18, "completion_tokens_details": {"reasoning_tokens": 3}},
            (10, 8, None, 3),
        ),
        (
            "house",
            "m",
            CHAT | {"total_tokens": 15, "completion_tokens_details": {"reasoning_tokens": 3}},
            (10, 5, None, 3),
        ),
        ("house", "m", CHAT | {"total_tokens": 19, "cached_tokens": 4}, (14, 5, 4, None)),
        # Anthropic's object is known by its keys, and by its provider
        (None, "m", ANTHROPIC | {"cache_read_input_tokens": 4}, (14, 5, 4, None)),
        ("anthropic", "m", ANTHROPIC | {"cache_read_input_tokens": 4, "total_tokens": 15}, (14, 5, 4, None)),
        (None, "m", {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 4}, (14, 5, 4, None)),
        (None, "m", {"inputTokens": 10, "outputTokens": 5, "cachedInputTokens": 4}, (None, None, None, None)),
    ],
)
def test_totals_hold_what_the_provider_says_they_hold(
    provider: str | None, model: str, usage: dict[str, Any], counts: tuple[int | None, ...]
) -> None:
    record = read(usage, provider=provider, model_name=model)
    found = (
        record.prompt_tokens,
        record.completion_tokens,
        record.cache_read_tokens,
        record.reasoning_tokens,
    )
    assert found == counts


def test_a_sum_beyond_its_bound_is_left_out_and_marked() -> None:
    record = read(ANTHROPIC | {"input_tokens": MOST_TOKENS, "cache_read_input_tokens": MOST_TOKENS})
    assert (record.prompt_tokens, record.cache_read_tokens) == (None, MOST_TOKENS)
    assert Mark.NUMBER_OUT_OF_RANGE in record.marks


@pytest.mark.parametrize(
    ("tier", "usage", "found"),
    [
        ("priority", CHAT, "priority"),
        (None, ANTHROPIC | {"service_tier": "batch"}, "batch"),
        ("flex", ANTHROPIC | {"service_tier": "standard"}, "flex"),
        (None, ANTHROPIC | {"speed": "fast"}, "fast"),
        (None, GEMINI | {"trafficType": "ON_DEMAND_FLEX"}, "ON_DEMAND_FLEX"),
        (None, CHAT | {"service_tier": 7}, None),
        (None, CHAT, None),
    ],
)
def test_the_tier_is_the_callers_word_or_the_providers(
    tier: str | None, usage: dict[str, Any], found: str | None
) -> None:
    assert read(usage, service_tier=tier).service_tier == found


@pytest.mark.parametrize("tier", ["gold", "", 7])
def test_a_tier_that_no_provider_has_is_refused(tier: Any) -> None:
    with pytest.raises(InvalidRecord) as caught:
        read(CHAT, service_tier=tier)
    assert caught.value.errors[0]["field"] == "service_tier"


@pytest.mark.parametrize(
    ("provider", "usage"),
    [
        (
            "openrouter",
            CHAT | {"cost": -1, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.5}},
        ),
        ("openrouter", CHAT | {"cost": 1e300}),
        ("xai", CHAT | {"cost_in_usd_ticks": -1}),
        ("xai", CHAT | {"cost_in_usd_ticks": 10**19}),
    ],
)
def test_a_stated_cost_beyond_bounds_is_left_out_and_marked(provider: str, usage: dict[str, Any]) -> None:
    record = read(usage, provider=provider)
    assert (record.reported_cost_usd, record.marks) == (None, (Mark.NUMBER_OUT_OF_RANGE,))
    assert record.prompt_tokens == 10
