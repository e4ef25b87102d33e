"""The shapes of usage objects, and where in each shape the counts are."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from genai_prices.types import ArrayMatch, Provider

    PathStep = str | ArrayMatch

__all__ = ["FIELDS", "MORE", "Path", "Paths", "extracted", "shape_of"]

Path = tuple["PathStep", ...]
Paths = tuple[tuple[str, Path], ...]

FIELDS: Final[Mapping[str, str]] = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_5m_tokens": "cache_write_5m_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "cache_audio_read_tokens": "cache_audio_read_tokens",
    "input_image_tokens": "input_image_tokens",
    "output_image_tokens": "output_image_tokens",
    "cache_image_read_tokens": "cache_image_read_tokens",
    "web_searches": "web_search_requests",
    "storage_searches": "file_search_requests",
}
"""The fields of a record by the units of the table of prices."""

# Documented paths that the extractors of the installed table leave out. They count only where the
# extractor found nothing.
_WEB_SEARCHES = ("web_search_requests", ("server_tool_use", "web_search_requests"))
# Gateways add Anthropic's names to objects like OpenAI's.
_BESIDE_TOTALS: Paths = (
    ("cache_read_tokens", ("cache_read_input_tokens",)),
    ("cache_write_tokens", ("cache_creation_input_tokens",)),
    ("cache_write_1h_tokens", ("cache_creation", "ephemeral_1h_input_tokens")),
)
MORE: Final[Mapping[str, Paths]] = {
    "chat": (
        ("cache_read_tokens", ("prompt_tokens_details", "cached_tokens")),
        ("cache_read_tokens", ("prompt_cache_hit_tokens",)),
        ("cache_read_tokens", ("cached_tokens",)),
        *_BESIDE_TOTALS,
        ("cache_write_tokens", ("prompt_tokens_details", "cache_write_tokens")),
        ("cache_write_tokens", ("prompt_tokens_details", "cache_creation_tokens")),
        ("input_audio_tokens", ("prompt_tokens_details", "audio_tokens")),
        ("input_image_tokens", ("prompt_tokens_details", "image_tokens")),
        ("reasoning_tokens", ("completion_tokens_details", "reasoning_tokens")),
        ("output_audio_tokens", ("completion_tokens_details", "audio_tokens")),
        ("output_image_tokens", ("completion_tokens_details", "image_tokens")),
        _WEB_SEARCHES,
    ),
    "responses": (
        *_BESIDE_TOTALS,
        ("input_audio_tokens", ("input_tokens_details", "audio_tokens")),
        ("input_image_tokens", ("input_tokens_details", "image_tokens")),
        ("output_audio_tokens", ("output_tokens_details", "audio_tokens")),
        ("output_image_tokens", ("output_tokens_details", "image_tokens")),
        _WEB_SEARCHES,
    ),
    "realtime": (
        ("cache_read_tokens", ("input_token_details", "cache_read")),
        ("cache_write_tokens", ("input_token_details", "cache_creation")),
        ("input_audio_tokens", ("input_token_details", "audio")),
        ("reasoning_tokens", ("output_token_details", "reasoning")),
        ("output_audio_tokens", ("output_token_details", "audio")),
    ),
    "messages": (_WEB_SEARCHES,),
    "converse": (
        ("cache_read_tokens", ("cacheReadInputTokensCount",)),
        ("cache_write_tokens", ("cacheWriteInputTokensCount",)),
    ),
}

# The keys by which a shape is known, the most special first.
_GEMINI = frozenset({"promptTokenCount", "candidatesTokenCount", "totalTokenCount"})
_CONVERSE = frozenset({"inputTokens", "outputTokens"})
_MESSAGES = frozenset(
    {"cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "server_tool_use"}
)
_SDK_KEYS = frozenset({"cachedInputTokens", "reasoningTokens", "inputTokenDetails", "outputTokenDetails"})
# Each shape has its flavours of extractors, the preferred first, and a path that they must read.
_FLAVOURS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "gemini": (("default",), "promptTokenCount"),
    "converse": (("default",), "inputTokens"),
    "messages": (("default", "anthropic"), "input_tokens"),
    "realtime": (("realtime",), "input_tokens"),
    "responses": (("responses", "default"), "input_tokens"),
    "chat": (("chat", "default"), "prompt_tokens"),
}


def shape_of(usage: Mapping[str, Any], owner: str | None) -> str | None:
    """Return the shape of a usage object, None if no provider's object has such keys.

    Frameworks have objects of their own whose keys look like those of Bedrock; they are told apart
    by keys that Bedrock does not have.
    """
    keys = usage.keys()
    if not _GEMINI.isdisjoint(keys):
        return "gemini"
    if not _CONVERSE.isdisjoint(keys):
        return "converse" if owner == "aws" or _SDK_KEYS.isdisjoint(keys) else None
    if "prompt_tokens" in keys:
        return "chat"
    return _shape_of_input(keys, owner) if keys & {"input_tokens", "output_tokens"} else None


def _shape_of_input(keys: AbstractSet[str], owner: str | None) -> str:
    if not keys.isdisjoint({"input_token_details", "output_token_details"}):
        return "realtime"
    if "input_tokens_details" in keys:
        return "responses"
    alike = "total_tokens" not in keys and not _MESSAGES.isdisjoint(keys)
    return "messages" if owner == "anthropic" or alike else "responses"


def extracted(provider: Provider, shape: str) -> Paths | None:
    """Return the paths of a provider's own extractor for a shape, None if it has none."""
    flavours, needed = _FLAVOURS[shape]
    for flavour in flavours:
        for extractor in provider.extractors or ():
            paths = tuple(
                (FIELDS[one.dest], (one.path,) if isinstance(one.path, str) else tuple(one.path))
                for one in extractor.mappings
                if one.dest in FIELDS
            )
            if extractor.api_flavor == flavour and any(path == (needed,) for _, path in paths):
                return paths
    return None
