"""How many tokens clients say a call took, each in its own words, and what we make of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.otlp.spans import record_of, span

CHAT = {"gen_ai.operation.name": "chat"}

USAGES: dict[str, tuple[dict[str, Any], tuple[int | None, ...]]] = {
    "Anthropic beside the input": (
        {"gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 100,
         "gen_ai.usage.cache_read_input_tokens": 1000, "gen_ai.usage.total_tokens": 6100},
        (6000, 100, 1000, None, None),
    ),
    "inside the input": (
        {"gen_ai.usage.input_tokens": 6000, "gen_ai.usage.output_tokens": 100,
         "gen_ai.usage.cache_read_input_tokens": 1000, "gen_ai.usage.total_tokens": 6100},
        (6000, 100, 1000, None, None),
    ),
    "Gemini beside the output": (
        {"gen_ai.usage.input_tokens": 324, "gen_ai.usage.output_tokens": 1364,
         "gen_ai.usage.reasoning_tokens": 495, "gen_ai.usage.total_tokens": 2183},
        (324, 1859, None, None, 495),
    ),
    "both beside": (
        {"llm.token_count.prompt": 100, "llm.token_count.completion": 50, "llm.token_count.total": 167,
         "llm.token_count.prompt_details.cache_read": 10, "llm.token_count.completion_details.reasoning": 7},
        (110, 57, 10, None, 7),
    ),
    "a total that fits nothing": (
        {"llm.token_count.prompt": 100, "llm.token_count.completion": 50, "llm.token_count.total": 999},
        (100, 50, None, None, None),
    ),
    "Gemini's own object": (
        {"langfuse.observation.usage_details": json.dumps(
            {"promptTokenCount": 324, "candidatesTokenCount": 1364, "thoughtsTokenCount": 495, "totalTokenCount": 2183})},
        (324, 1859, None, None, 495),
    ),
    "Anthropic's own object": (
        {"langfuse.observation.usage_details": json.dumps(
            {"input_tokens": 5000, "output_tokens": 100, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 0})},
        (6000, 100, 1000, 0, None),
    ),
    "Bedrock's own object": (
        {"langfuse.observation.usage_details": json.dumps(
            {"inputTokens": 50, "outputTokens": 10, "totalTokens": 60, "cacheReadInputTokens": 5})},
        (55, 10, 5, None, None),
    ),
    "OpenAI Responses' own object": (
        {"langfuse.observation.usage_details": json.dumps(
            {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120,
             "input_tokens_details": {"cached_tokens": 60}, "output_tokens_details": {"reasoning_tokens": 7}})},
        (100, 20, 60, None, 7),
    ),
    "Gemini's own object in Python's names": (
        {"langfuse.observation.usage_details": json.dumps(
            {"prompt_token_count": 324, "candidates_token_count": 1364, "thoughts_token_count": 495,
             "cached_content_token_count": 24, "total_token_count": 2183})},
        (324, 1859, 24, None, 495),
    ),
    "Gemini's own object with a total and what went in": (
        {"langfuse.observation.usage_details": json.dumps({"promptTokenCount": 324, "totalTokenCount": 2183})},
        (324, 1859, None, None, None),
    ),
    "Vercel's own object": (
        {"langfuse.observation.usage_details": json.dumps(
            {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120, "cachedInputTokens": 60, "reasoningTokens": 7})},
        (100, 20, 60, None, 7),
    ),
    "Bedrock's own object with a total that holds the cache": (
        {"langfuse.observation.usage_details": json.dumps(
            {"inputTokens": 5000, "outputTokens": 100, "totalTokens": 6400, "cacheReadInputTokens": 1000,
             "cacheWriteInputTokens": 300})},
        (6300, 100, 1000, 300, None),
    ),
    "Anthropic's own object with a total that holds the cache": (
        {"langfuse.observation.usage_details": json.dumps(
            {"input_tokens": 5000, "output_tokens": 100, "cache_read_input_tokens": 1000,
             "cache_creation_input_tokens": 300, "total_tokens": 6400})},
        (6300, 100, 1000, 300, None),
    ),
    "LangChain's own object": (
        {"langfuse.observation.usage_details": json.dumps(
            {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120,
             "input_token_details": {"cache_read": 60, "cache_creation": 5}, "output_token_details": {"reasoning": 7}})},
        (100, 20, 60, 5, 7),
    ),
    "DeepSeek's own object": (
        {"langfuse.observation.usage_details": json.dumps(
            {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_cache_hit_tokens": 60,
             "prompt_cache_miss_tokens": 40})},
        (100, 20, 60, None, None),
    ),
    "Ollama's own counts": (
        {"langfuse.observation.usage_details": json.dumps({"prompt_eval_count": 100, "eval_count": 20})},
        (100, 20, None, None, None),
    ),
    "written to the cache beside the input": (
        {"gen_ai.usage.input_tokens": 50, "gen_ai.usage.output_tokens": 100,
         "gen_ai.usage.cache_creation_input_tokens": 1000, "gen_ai.usage.cache_read_input_tokens": 40,
         "gen_ai.usage.total_tokens": 1190},
        (1090, 100, 40, 1000, None),
    ),
    "reasoning inside, cache beside": (
        {"gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 100, "gen_ai.usage.reasoning_tokens": 70,
         "gen_ai.usage.cache_read_input_tokens": 300, "gen_ai.usage.total_tokens": 900},
        (800, 100, 300, None, 70),
    ),
    "MLflow": (
        {"mlflow.chat.tokenUsage": json.dumps({"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100})},
        (1000, 100, None, None, None),
    ),
    "LangSmith": (
        {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
         "gen_ai.usage.input_token_details": '{"cache_read": 60}', "gen_ai.usage.output_token_details": '{"reasoning": 7}'},
        (100, 20, 60, None, 7),
    ),
    "Claude Code": (
        {"span.type": "llm_request", "input_tokens": 3, "output_tokens": 200, "cache_read_tokens": 15000,
         "cache_creation_tokens": 400},
        (3, 200, 15000, 400, None),
    ),
    "LiteLLM": (
        {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 45, "gen_ai.usage.total_tokens": 1245,
         "metadata.usage_object": repr(
            {"completion_tokens": 45, "prompt_tokens": 1200, "total_tokens": 1245,
             "completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": 20},
             "prompt_tokens_details": {"audio_tokens": None, "cached_tokens": 1024}})},
        (1200, 45, 1024, None, 20),
    ),
    "LiteLLM before Anthropic": (
        {"gen_ai.usage.input_tokens": 6400, "gen_ai.usage.output_tokens": 100, "gen_ai.usage.total_tokens": 6500,
         "metadata.usage_object": repr(
            {"completion_tokens": 100, "prompt_tokens": 6400, "total_tokens": 6500,
             "prompt_tokens_details": {"cached_tokens": 5000, "cache_creation_tokens": 400},
             "cache_creation_input_tokens": 400, "cache_read_input_tokens": 5000})},
        (6400, 100, 5000, 400, None),
    ),
    "LiteLLM without an object": (
        {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 45, "metadata.usage_object": "None"},
        (1200, 45, None, None, None),
    ),
    "an object without counts": (
        {"gen_ai.usage.input_tokens": 1200, "langfuse.observation.usage_details": '{"seconds": 3}'},
        (1200, None, None, None, None),
    ),
    "an object that is cut": (
        {"gen_ai.usage.input_tokens": 1200, "langfuse.observation.usage_details": '{"input": 1200, "output": 4'},
        (1200, None, None, None, None),
    ),
    "a total and one side": ({"gen_ai.usage.input_tokens": 100, "gen_ai.usage.total_tokens": 120}, (100, 20, None, None, None)),
    "a total alone": ({"gen_ai.usage.total_tokens": 120}, (None, None, None, None, None)),
}  # fmt: skip


@pytest.mark.parametrize(("attributes", "counts"), USAGES.values(), ids=USAGES)
def test_totals_and_parts_are_brought_to_one_reading(
    attributes: dict[str, Any], counts: tuple[int | None, ...]
) -> None:
    record = record_of(span({**CHAT, **attributes}))
    found = (
        record.prompt_tokens,
        record.completion_tokens,
        record.cache_read_tokens,
        record.cache_write_tokens,
        record.reasoning_tokens,
    )
    assert found == counts


@pytest.mark.parametrize(
    "usage",
    [
        {"llm.token_count.total": 1000},
        {"gen_ai.usage.total_tokens": 1000},
        {"langfuse.observation.usage_details": '{"total": 1000}'},
        {"langfuse.observation.usage_details": '{"total_tokens": 1000}'},
        {"langfuse.observation.usage_details": '{"input": 1000}'},
        {"langfuse.observation.usage_details": '{"prompt_tokens": 1000}'},
        {"langfuse.observation.usage_details": '{"totalTokenCount": 1000}'},
        {"mlflow.chat.tokenUsage": '{"total_tokens": 1000}'},
        {"metadata.usage_object": "{'prompt_tokens': 1000, 'total_tokens': 1000, 'completion_tokens': None}"},
        {"llm.usage.total_tokens": 1000},
        {"ai.usage.tokens": 1000},
    ],
)
def test_the_total_of_an_embedding_is_what_went_in(usage: dict[str, Any]) -> None:
    record = record_of(span({"openinference.span.kind": "EMBEDDING", "embedding.model_name": "e", **usage}))
    assert (record.prompt_tokens, record.completion_tokens or 0) == (1000, 0)
