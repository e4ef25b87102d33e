"""Token counts under the names of every convention, brought to one reading.

Totals of OpenTelemetry and OpenInference include what was cached and what was reasoned; those of Anthropic, Bedrock
and Gemini leave parts out. Where a provider's own object or a sum of all tokens tells, totals are completed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.otlp.attributes import Attributes, first_count, parsed
from monitoring.conversation.decoding import decode

__all__ = ["Usage", "read_usage"]

_INPUT_TOKENS = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "ai.usage.tokens",
    "input_tokens",
)
_OUTPUT_TOKENS = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
    "output_tokens",
)
_CACHE_READ = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.cache_read_tokens",
    "gen_ai.usage.input_cached_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "llm.token_count.prompt_details.cache_read",
    "llm.usage.cache_read_input_tokens",
    "ai.usage.inputTokenDetails.cacheReadTokens",
    "ai.usage.cachedInputTokens",
    "cache_read_tokens",
)
_CACHE_WRITE = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_tokens",
    "gen_ai.usage.details.cache_write_tokens",
    "llm.token_count.prompt_details.cache_write",
    "llm.usage.cache_creation_input_tokens",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
    "cache_creation_tokens",
)
_REASONING = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
    "llm.usage.reasoning_tokens",
    "ai.usage.outputTokenDetails.reasoningTokens",
    "ai.usage.reasoningTokens",
)
_TOTAL = (
    "gen_ai.usage.total_tokens",
    "llm.token_count.total",
    "llm.usage.total_tokens",
    "ai.usage.totalTokens",
    "total_tokens",
)
# One object with all counts: Langfuse's, which is often the provider's own, MLflow's, and LiteLLM's, whose attributes
# do not say what of the input came from a cache.
_OBJECTS = ("langfuse.observation.usage_details", "mlflow.chat.tokenUsage", "metadata.usage_object")
# How to tell objects of Gemini, and of Bedrock and Vercel, from those that are like OpenAI's and Anthropic's.
_GEMINI_SIGNS = frozenset(
    name
    for side in ("prompt", "candidates", "total")
    for name in (f"{side}TokenCount", f"{side}_token_count")
)
_CAMEL_SIGNS = ("inputTokens", "outputTokens", "totalTokens")
# Names of parts in objects: of OpenAI, Anthropic, Langfuse, DeepSeek and LangChain.
_OBJECT_CACHE_READ = (
    "cached_tokens",
    "cache_read_input_tokens",
    "input_cached_tokens",
    "input_cache_read",
    "prompt_cache_hit_tokens",
    "cache_read",
)
_OBJECT_CACHE_WRITE = ("cache_creation_input_tokens", "input_cache_creation", "cache_creation")
_OBJECT_REASONING = ("reasoning_tokens", "output_reasoning_tokens", "output_reasoning", "reasoning")
# LangSmith's objects of the parts alone.
_PARTS = ("gen_ai.usage.input_token_details", "gen_ai.usage.output_token_details")


class Usage(NamedTuple):
    """Tokens as reported, None where nothing was; `total` is the sum of all where it was told.

    `prompt` includes cached tokens and `completion` includes reasoning, in OpenTelemetry's convention and
    in OpenInference's.
    """

    prompt: int | None
    completion: int | None
    cache_read: int | None
    cache_write: int | None
    reasoning: int | None
    total: int | None = None

    @property
    def exclusive(self) -> bool:
        """More is cached than was counted: the totals leave the cached tokens out, as Anthropic's do."""
        return self.prompt is not None and self._cached > self.prompt

    @property
    def _cached(self) -> int:
        return (self.cache_read or 0) + (self.cache_write or 0)

    def completed(self) -> Usage:
        """Return the counts with all parts inside their totals, where the sum of all tokens proves that they were not."""
        if self.total is None or self.prompt is None or self.completion is None:
            return self._divided()
        missing = self.total - self.prompt - self.completion
        reasoned = self.reasoning or 0
        if missing > 0 and missing == self._cached:
            return self._replace(prompt=self.prompt + missing)
        if missing > 0 and missing == reasoned:
            return self._replace(completion=self.completion + missing)
        if missing > 0 and missing == self._cached + reasoned:
            return self._replace(prompt=self.prompt + self._cached, completion=self.completion + reasoned)
        return self

    def _divided(self) -> Usage:
        """Return the counts with the side that was not told, which is the rest of the sum."""
        if self.total is None:
            return self
        if self.prompt is not None and self.total >= self.prompt:
            return self._replace(completion=self.total - self.prompt)
        if self.completion is not None and self.total >= self.completion:
            return self._replace(prompt=self.total - self.completion)
        return self


def read_usage(attributes: Attributes, *, answers: bool = True) -> Usage:
    """Return the counts of a span; without `answers`, as for an embedding, a sum of all is what went in."""
    usage = _read(attributes).completed()
    if not answers and usage.prompt is None and usage.total is not None:
        usage = usage._replace(prompt=usage.total)
    return usage


def _read(attributes: Attributes) -> Usage:
    for name in _OBJECTS:
        if name not in attributes:
            continue
        details = decode(attributes[name])
        if isinstance(details.value, Mapping) and not details.truncated:
            usage = _read_object(details.value)
            if any(count is not None for count in usage):
                return usage
    parts: dict[str, Any] = {}
    for name in _PARTS:
        if name in attributes and isinstance(found := parsed(attributes[name]), Mapping):
            parts |= found
    return Usage(
        first_count(attributes, _INPUT_TOKENS),
        first_count(attributes, _OUTPUT_TOKENS),
        _first(first_count(attributes, _CACHE_READ), first_count(parts, ("cache_read",))),
        _first(first_count(attributes, _CACHE_WRITE), first_count(parts, ("cache_creation",))),
        _first(first_count(attributes, _REASONING), first_count(parts, ("reasoning",))),
        first_count(attributes, _TOTAL),
    )


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


def _read_object(details: Mapping[str, Any]) -> Usage:
    """Read one object of counts: a provider's own, or Langfuse's `input` and `output` without their parts."""
    if not details.keys().isdisjoint(_GEMINI_SIGNS):
        return _gemini(details)
    if not details.keys().isdisjoint(_CAMEL_SIGNS):
        return _bedrock_or_vercel(details)
    inner = {
        name: value
        for side in ("prompt", "input", "completion", "output")
        for plural in ("tokens", "token")
        if isinstance(found := details.get(f"{side}_{plural}_details"), Mapping)
        for name, value in found.items()
    }
    counts = {**details, **inner}
    cache_read = first_count(counts, _OBJECT_CACHE_READ)
    cache_write = first_count(counts, _OBJECT_CACHE_WRITE)
    reasoning = first_count(counts, _OBJECT_REASONING)
    total = first_count(counts, ("total_tokens", "total"))
    prompt = first_count(counts, ("prompt_tokens", "input_tokens", "prompt_eval_count"))
    completion = first_count(counts, ("completion_tokens", "output_tokens", "eval_count"))
    if _is_anthropic(details) and total is None:
        prompt = _sum(prompt, cache_read, cache_write)
    if prompt is None and (rest := first_count(counts, ("input",))) is not None:
        prompt = _sum(rest, cache_read, cache_write)
    if completion is None and (rest := first_count(counts, ("output",))) is not None:
        completion = _sum(rest, reasoning)
    return Usage(prompt, completion, cache_read, cache_write, reasoning, total)


def _is_anthropic(details: Mapping[str, Any]) -> bool:
    """Tell Anthropic's own object, whose input leaves out what was read from and written to the cache."""
    return "input_tokens" in details and not details.keys().isdisjoint(
        ("cache_read_input_tokens", "cache_creation_input_tokens")
    )


def _gemini(details: Mapping[str, Any]) -> Usage:
    """Read Gemini's object: the thoughts are beside the candidates, what was cached is inside the prompt."""
    reasoning = first_count(details, ("thoughtsTokenCount", "thoughts_token_count"))
    tools = first_count(details, ("toolUsePromptTokenCount", "tool_use_prompt_token_count"))
    return Usage(
        _sum(first_count(details, ("promptTokenCount", "prompt_token_count")), tools),
        _sum(first_count(details, ("candidatesTokenCount", "candidates_token_count")), reasoning),
        first_count(details, ("cachedContentTokenCount", "cached_content_token_count")),
        None,
        reasoning,
        first_count(details, ("totalTokenCount", "total_token_count")),
    )


def _bedrock_or_vercel(details: Mapping[str, Any]) -> Usage:
    """Read the object of Bedrock's Converse or of Vercel's AI SDK.

    Bedrock's input leaves out what was read from and written to the cache, Vercel's holds it.
    """
    cache_read = first_count(details, ("cacheReadInputTokens", "cacheReadInputTokensCount"))
    cache_write = first_count(details, ("cacheWriteInputTokens", "cacheWriteInputTokensCount"))
    prompt = _sum(first_count(details, ("inputTokens",)), cache_read, cache_write)
    return Usage(
        prompt,
        first_count(details, ("outputTokens",)),
        cache_read if cache_read is not None else first_count(details, ("cachedInputTokens",)),
        cache_write,
        first_count(details, ("reasoningTokens",)),
        first_count(details, ("totalTokens",)),
    )


def _sum(first: int | None, *more: int | None) -> int | None:
    """Return the sum of what is known, None where the first is not."""
    return None if first is None else first + sum(one or 0 for one in more)
