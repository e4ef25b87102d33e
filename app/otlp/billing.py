"""What decides the price of a span beside its plain tokens.

A span may report parts of its tokens, calls of tools, a service tier and the usage object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import structs

from app.otlp.attributes import Attributes, first_count, first_text
from app.schemas.budgets import MOST_RESERVATIONS, RESERVATION
from app.schemas.limits import METADATA_BYTES
from monitoring.conversation.decoding import decode
from monitoring.models import Record
from monitoring.spending.pricing import rates_of
from monitoring.spending.provider_usage import read_provider_usage
from monitoring.spending.tiers import LONGEST_TIER

__all__ = ["PRICES_AT", "with_billing"]

_COUNTS: Final[Mapping[str, tuple[str, ...]]] = {
    "cache_write_1h_tokens": (
        "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens",
        "gen_ai.usage.details.ephemeral_1h_input_tokens",
        "gen_ai.usage.details.cache_write_1h_tokens",
    ),
    "input_audio_tokens": (
        "llm.token_count.prompt_details.audio",
        "gen_ai.usage.input_audio_tokens",
        "gen_ai.usage.details.input_audio_tokens",
    ),
    "output_audio_tokens": (
        "llm.token_count.completion_details.audio",
        "gen_ai.usage.output_audio_tokens",
        "gen_ai.usage.details.output_audio_tokens",
    ),
    "cache_audio_read_tokens": ("gen_ai.usage.details.cache_audio_read_tokens",),
    "input_image_tokens": ("gen_ai.usage.details.input_image_tokens",),
    "output_image_tokens": ("gen_ai.usage.details.output_image_tokens",),
    "web_search_requests": (
        "gen_ai.usage.server_tool_use.web_search_requests",
        "gen_ai.usage.details.web_search_requests",
    ),
}
# The tier that answered comes before the one that was asked for.
_TIERS = (
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
    "openai.request.service_tier",
    "gen_ai.openai.request.service_tier",
    "gen_ai.request.service_tier",
)
# Objects of Langfuse and LiteLLM, which are often the provider's own.
_OBJECTS = ("langfuse.observation.usage_details", "metadata.usage_object")
_RESERVATIONS: Final = "llm_monitor.budget_reservation"
_NAMES = frozenset(
    (_RESERVATIONS, *_TIERS, *_OBJECTS, *(name for names in _COUNTS.values() for name in names))
)
_TOTALS = frozenset({"prompt_tokens", "completion_tokens"})
PRICES_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)  # for a span without a time


def with_billing(record: Record, attributes: Attributes) -> Record:
    """Return the record of a span with everything that decides its price.

    A value that is no count is left out, and a number beyond its bound becomes BEYOND.
    """
    if record.reported_cost_usd == 0 and rates_of(
        record.provider, record.model_name, record.timestamp or PRICES_AT
    ):
        # Instrumentations write 0 where they know no price.
        record = structs.replace(record, reported_cost_usd=None)
    if attributes.keys().isdisjoint(_NAMES):  # true for most spans, and all of them pass here
        return record
    found: dict[str, Any] = {
        field: number
        for field, names in _COUNTS.items()
        if (number := first_count(attributes, names)) is not None
    }
    tier = first_text(attributes, _TIERS)
    if tier:
        found["service_tier"] = tier[:LONGEST_TIER]
    if reservations := _reserved(attributes.get(_RESERVATIONS)):
        found["budget_reservation"] = reservations
    return structs.replace(record, **{**_of_object(record, attributes), **found})


def _reserved(value: object) -> tuple[str, ...]:
    """Return the reservations that a span names, one as text or several as a list."""
    given = value if isinstance(value, list) else [value]
    named = (one for one in given if isinstance(one, str) and re.fullmatch(RESERVATION, one))
    return tuple(dict.fromkeys(named))[:MOST_RESERVATIONS]


def _of_object(record: Record, attributes: Attributes) -> dict[str, Any]:
    """Return the fields that a provider's own usage object in a span gives."""
    for name in _OBJECTS:
        if name not in attributes:
            continue
        details = decode(attributes[name])
        usage = details.value
        if not isinstance(usage, Mapping) or details.truncated:
            continue
        read = read_provider_usage(usage, record.provider, record.model_name, strict=False)
        if read is None:
            continue
        found: dict[str, Any] = dict(read.counts)
        if not found.keys() >= _TOTALS:
            found = {field: number for field, number in found.items() if getattr(record, field) is None}
        if record.reported_cost_usd is None and read.cost is not None:
            found["reported_cost_usd"] = read.cost
        if read.tier:
            found["service_tier"] = read.tier
        return found | _kept(usage)
    return {}


def _kept(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object as a field of the record if it is small and can be stored."""
    try:
        encoded = msgspec.json.encode(usage)
        kept = msgspec.json.decode(encoded)
        msgspec.msgpack.encode(kept)  # the queue holds no number over 64 bits
    except (TypeError, OverflowError, RecursionError):
        return {}
    if len(encoded) > METADATA_BYTES or b"\\u0000" in encoded:
        return {}
    return {"usage": kept}
