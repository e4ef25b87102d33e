"""Prices of one model, and what a usage costs at them.

Every token is charged once, at the price of its most special kind that has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from monitoring.spending.usage import Usage

__all__ = ["Rates", "Steps", "charge"]

Steps = tuple[tuple[int, Decimal], ...]

_SECOND = Decimal(1_000)


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of one model at one time in USD per token, and where they come from.

    Each is a series of (number of input tokens above which it holds, price), the highest bound
    first. The first bound that is passed gives the price of all tokens of that kind. None means
    that the kind has no price of its own: cached tokens, audio and images are then charged as input
    or as output, hourly writes as writes, and reasoning as output. `request` is charged for each
    call, `web_search` and `file_search` for each request to that tool, and `gpu_second` for each
    second that the call lasted; None means unknown.
    """

    source: str
    input: Steps | None
    output: Steps | None
    cache_read: Steps | None = None
    cache_write: Steps | None = None
    reasoning: Steps | None = None
    cache_write_1h: Steps | None = None
    input_audio: Steps | None = None
    output_audio: Steps | None = None
    cached_audio: Steps | None = None
    input_image: Steps | None = None
    output_image: Steps | None = None
    cached_image: Steps | None = None
    request: Decimal | None = Decimal(0)
    web_search: Decimal | None = None
    file_search: Decimal | None = None
    gpu_second: Decimal = Decimal(0)

    @property
    def need_tokens(self) -> bool:
        """Whether the cost of a call cannot be known without its tokens."""
        kinds = (self.input, self.output, self.cache_read, self.cache_write, self.reasoning)
        if self.input is None or self.output is None:
            return True
        return any(amount for steps in kinds for _, amount in steps or ())


def charge(usage: Usage, rates: Rates, milliseconds: float | None = None) -> Decimal | None:
    """Return what a usage costs in USD, or None if a part of it has no price.

    `milliseconds` is how long the call lasted; unknown, it has no price per second.
    """
    cost = _fees(usage, rates, milliseconds)
    if cost is None:
        return None
    total_input = _total_input(usage)
    for tokens, steps in (*_input_parts(usage, rates, total_input), *_output_parts(usage, rates)):
        if not tokens:
            continue
        if steps is None:
            return None
        for bound, amount in steps:
            if total_input > bound:
                cost += tokens * amount
                break
    return cost


def _fees(usage: Usage, rates: Rates, milliseconds: float | None) -> Decimal | None:
    """Return what a call costs beside its tokens, None where a part has no price."""
    cost = rates.request
    if cost is None:
        return None
    for requests, fee in ((usage.web_searches, rates.web_search), (usage.file_searches, rates.file_search)):
        if requests:
            if fee is None:
                return None
            cost += requests * fee
    if not rates.gpu_second:
        return cost
    return None if milliseconds is None else cost + Decimal(str(milliseconds)) / _SECOND * rates.gpu_second


def _total_input(usage: Usage) -> int:
    cached = usage.cache_read + usage.writes
    return usage.prompt if cached <= usage.prompt else usage.prompt + cached


def _input_parts(usage: Usage, rates: Rates, total: int) -> Iterator[tuple[int, Steps | None]]:
    hourly, writes = usage.cache_write_1h, usage.writes
    read_price = rates.cache_read or rates.input
    yield writes - hourly, rates.cache_write or rates.input
    yield hourly, rates.cache_write_1h or rates.cache_write or rates.input
    if not (usage.input_audio or usage.input_image or usage.cached_audio or usage.cached_image):
        yield usage.cache_read, read_price
        yield total - usage.cache_read - writes, rates.input
        return
    audio, image = max(usage.input_audio, usage.cached_audio), max(usage.input_image, usage.cached_image)
    fresh = max(total - usage.cache_read - writes, 0)
    # Audio and images that do not fit beside the cached tokens must be among them.
    image_read = min(max(usage.cached_image, image - fresh), usage.cache_read)
    audio_read = min(
        max(usage.cached_audio, audio + image - image_read - fresh), usage.cache_read - image_read
    )
    yield usage.cache_read - audio_read - image_read, read_price
    yield audio_read, rates.cached_audio or read_price
    yield image_read, rates.cached_image or read_price
    audio_fresh = min(max(audio - audio_read, 0), fresh)
    image_fresh = min(max(image - image_read, 0), fresh - audio_fresh)
    yield audio_fresh, rates.input_audio or rates.input
    yield image_fresh, rates.input_image or rates.input
    yield fresh - audio_fresh - image_fresh, rates.input


def _output_parts(usage: Usage, rates: Rates) -> Iterator[tuple[int, Steps | None]]:
    answer = usage.completion - usage.reasoning if usage.reasoning <= usage.completion else usage.completion
    audio = min(usage.output_audio, answer)
    image = min(usage.output_image, answer - audio)
    yield answer - audio - image, rates.output
    yield usage.reasoning, rates.reasoning or rates.output
    yield audio, rates.output_audio or rates.output
    yield image, rates.output_image or rates.output
