"""What one call used, as providers bill it: tokens of every kind, and requests of tools."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec

__all__ = ["BILLED", "BILLED_BY", "Dialect", "Usage", "stored_usage", "usage_from", "usage_of"]

Dialect = Literal["inclusive", "exclusive"]


class Usage(msgspec.Struct, frozen=True):
    """Tokens and requests of one call; raises ValueError for negative numbers.

    `prompt` includes cached tokens, audio and images, and `completion` includes reasoning, audio
    and images, as in the dialect of OpenTelemetry. `cache_write` includes the writes that are kept
    for an hour. Cached audio is a part of `cache_read` and of `input_audio`; the same holds for
    cached images. If the parts are more than the whole, they are taken to be additional to it.
    """

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    output_audio: int = 0
    cached_audio: int = 0
    input_image: int = 0
    output_image: int = 0
    cached_image: int = 0
    web_searches: int = 0
    file_searches: int = 0

    def __post_init__(self) -> None:
        if min(msgspec.structs.astuple(self)) < 0:
            raise ValueError("token counts are zero or more")

    @property
    def writes(self) -> int:
        """The tokens that were written to the cache, for any time."""
        beside = self.cache_write_1h > self.cache_write
        return self.cache_write + self.cache_write_1h if beside else self.cache_write

    @property
    def dialect(self) -> Dialect:
        """`exclusive` if the totals are too small to contain the parts."""
        contained = self.cache_read + self.writes <= self.prompt and self.reasoning <= self.completion
        return "inclusive" if contained else "exclusive"


BILLED: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "cache_audio_read_tokens",
    "input_image_tokens",
    "output_image_tokens",
    "cache_image_read_tokens",
    "web_search_requests",
    "file_search_requests",
)
"""The fields of a record that are billed, in the order of the fields of `Usage`."""
BILLED_BY: Final = ("service_tier",)
"""The fields of a record that decide its prices, beside its model and provider."""
_billed_of = attrgetter(*BILLED)
_parts_of = attrgetter(*BILLED[2:])


def usage_from(prompt: int, completion: int, parts: Mapping[str, int]) -> Usage:
    """Return the usage of a call whose parts have names of BILLED; TypeError for another name."""
    names = BILLED[2:]
    if unknown := sorted(parts.keys() - set(names)):
        raise TypeError(f"unknown counts: {', '.join(unknown)}; there are {', '.join(names)}")
    return Usage(prompt, completion, *(parts.get(name, 0) for name in names))


def usage_of(call: Any, prompt: int | None = None, completion: int | None = None) -> Usage:
    """Return the usage of a record or of a stored trace; unknown counts are 0.

    `prompt` and `completion` replace the call's own totals where both are given.
    """
    if prompt is None or completion is None:
        return Usage(*(number or 0 for number in _billed_of(call)))
    return Usage(prompt, completion, *(number or 0 for number in _parts_of(call)))


def stored_usage(call: Any) -> Usage | None:
    """Return the usage of a stored trace; None if it came without texts and without tokens."""
    return None if call.prompt_tokens is None and call.completion_tokens is None else usage_of(call)
