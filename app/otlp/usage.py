"""Token counts under the names of every convention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.otlp.attributes import Attributes, first_count, parsed

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
_DETAILS = "langfuse.observation.usage_details"


class Usage(NamedTuple):
    """Tokens as reported, None where nothing was.

    `prompt` includes cached tokens and `completion` includes reasoning, in OpenTelemetry's convention and
    in OpenInference's.
    """

    prompt: int | None
    completion: int | None
    cache_read: int | None
    cache_write: int | None
    reasoning: int | None

    @property
    def exclusive(self) -> bool:
        """More is cached than was counted: the totals leave the cached tokens out, as Anthropic's do."""
        cached = (self.cache_read or 0) + (self.cache_write or 0)
        return self.prompt is not None and cached > self.prompt


def read_usage(attributes: Attributes) -> Usage:
    """Return the counts of a span."""
    details = parsed(attributes.get(_DETAILS))
    if isinstance(details, Mapping):
        return _langfuse(details)
    return Usage(
        first_count(attributes, _INPUT_TOKENS),
        first_count(attributes, _OUTPUT_TOKENS),
        first_count(attributes, _CACHE_READ),
        first_count(attributes, _CACHE_WRITE),
        first_count(attributes, _REASONING),
    )


def _langfuse(details: Mapping[str, Any]) -> Usage:
    """Read Langfuse's one JSON object: the provider's own, or `input` and `output` without their parts."""
    inner = {
        name: value
        for side in ("prompt", "input", "completion", "output")
        if isinstance(found := details.get(f"{side}_tokens_details"), Mapping)
        for name, value in found.items()
    }
    counts = {**details, **inner}
    cache_read = first_count(
        counts, ("cached_tokens", "cache_read_input_tokens", "input_cached_tokens", "input_cache_read")
    )
    cache_write = first_count(counts, ("cache_creation_input_tokens", "input_cache_creation"))
    reasoning = first_count(counts, ("reasoning_tokens", "output_reasoning_tokens", "output_reasoning"))
    prompt = first_count(counts, ("prompt_tokens", "input_tokens"))
    completion = first_count(counts, ("completion_tokens", "output_tokens"))
    if prompt is None and (rest := first_count(counts, ("input",))) is not None:
        prompt = rest + (cache_read or 0) + (cache_write or 0)
    if completion is None and (rest := first_count(counts, ("output",))) is not None:
        completion = rest + (reasoning or 0)
    return Usage(prompt, completion, cache_read, cache_write, reasoning)
