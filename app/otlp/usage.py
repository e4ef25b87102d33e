"""Token counts under the names of every convention, in one form.

Totals of OpenTelemetry and OpenInference include cached and reasoning tokens. A provider's own
object is read by the provider's rule. Totals are completed where a sum of all tokens shows that
parts are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.otlp.attributes import Attributes, first_count, parsed
from monitoring.conversation.decoding import decode
from monitoring.spending.provider_usage import completed, read_provider_usage

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
# Single objects with all counts: that of Langfuse, which is often the provider's own, that of
# MLflow, and that of LiteLLM, whose attributes do not say how much of the input came from a cache.
_OBJECTS = ("langfuse.observation.usage_details", "mlflow.chat.tokenUsage", "metadata.usage_object")
# Names of parts that frameworks add to objects of their own: of Langfuse, LangChain and Vercel.
_OBJECT_CACHE_READ = (
    "cached_tokens",
    "cache_read_input_tokens",
    "input_cached_tokens",
    "input_cache_read",
    "cache_read",
    "cachedInputTokens",
)
_OBJECT_CACHE_WRITE = ("cache_creation_input_tokens", "input_cache_creation", "cache_creation")
_OBJECT_REASONING = (
    "reasoning_tokens",
    "output_reasoning_tokens",
    "output_reasoning",
    "reasoning",
    "reasoningTokens",
)
_OBJECT_TOTAL = ("total_tokens", "total", "totalTokens", "totalTokenCount", "total_token_count")
# LangSmith's objects, which hold only the parts.
_PARTS = ("gen_ai.usage.input_token_details", "gen_ai.usage.output_token_details")


# The fields of a record, in the order of the fields of `Usage`.
_FIELDS = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


class Usage(NamedTuple):
    """Tokens as reported, None where nothing was; `total` is the reported sum of all tokens.

    `prompt` includes cached tokens and `completion` includes reasoning, as in the conventions of
    OpenTelemetry and OpenInference.
    """

    prompt: int | None
    completion: int | None
    cache_read: int | None
    cache_write: int | None
    reasoning: int | None
    total: int | None = None

    @property
    def exclusive(self) -> bool:
        """Whether totals leave out cached tokens, as Anthropic's do.

        More is then cached than counted.
        """
        return self.prompt is not None and self._cached > self.prompt

    @property
    def _cached(self) -> int:
        return (self.cache_read or 0) + (self.cache_write or 0)

    def completed(self) -> Usage:
        """Return the counts with all parts inside their totals.

        Totals are raised where the sum of all tokens proves that parts are missing from them.
        """
        if self.total is None or self.prompt is None or self.completion is None:
            return self._divided()
        counts = {name: number for name, number in zip(_FIELDS, self, strict=False) if number is not None}
        raised = completed(counts, self.total)
        return self._replace(prompt=raised["prompt_tokens"], completion=raised["completion_tokens"])

    def _divided(self) -> Usage:
        """Return the counts with the missing side, which is the rest of the sum."""
        if self.total is None:
            return self
        if self.prompt is not None and self.total >= self.prompt:
            return self._replace(completion=self.total - self.prompt)
        if self.completion is not None and self.total >= self.completion:
            return self._replace(prompt=self.total - self.completion)
        return self


def read_usage(attributes: Attributes, provider: str | None, model: str, *, answers: bool = True) -> Usage:
    """Return the counts of a span.

    Without `answers`, as for an embedding, the sum of all tokens is the input.
    """
    usage = _read(attributes, provider, model).completed()
    if not answers and usage.prompt is None and usage.total is not None:
        usage = usage._replace(prompt=usage.total)
    return usage


def _read(attributes: Attributes, provider: str | None, model: str) -> Usage:
    for name in _OBJECTS:
        if name not in attributes:
            continue
        details = decode(attributes[name])
        if isinstance(details.value, Mapping) and not details.truncated:
            usage = _read_object(details.value, provider, model)
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


def _read_object(details: Mapping[str, Any], provider: str | None, model: str) -> Usage:
    """Read one object of counts: a provider's own, or one that a framework makes.

    Langfuse's `input` and `output` do not include their parts.
    """
    told = read_provider_usage(details, provider, model, strict=False)
    counts: Mapping[str, int] = {} if told is None else told.counts
    prompt, completion, cache_read, cache_write, reasoning = map(counts.get, _FIELDS)
    cache_read = _first(cache_read, first_count(details, _OBJECT_CACHE_READ))
    cache_write = _first(cache_write, first_count(details, _OBJECT_CACHE_WRITE))
    reasoning = _first(reasoning, first_count(details, _OBJECT_REASONING))
    return Usage(
        _first(
            prompt,
            first_count(details, ("inputTokens", "prompt_eval_count")),
            _sum(first_count(details, ("input",)), cache_read, cache_write),
        ),
        _first(
            completion,
            first_count(details, ("outputTokens", "completion_tokens", "eval_count")),
            _sum(first_count(details, ("output",)), reasoning),
        ),
        cache_read,
        cache_write,
        reasoning,
        first_count(details, _OBJECT_TOTAL),
    )


def _sum(first: int | None, *more: int | None) -> int | None:
    """Return the sum of the known values, None where the first is unknown."""
    return None if first is None else first + sum(one or 0 for one in more)
