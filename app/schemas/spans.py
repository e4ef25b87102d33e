"""Spans by their place in a tree and by what they tell of a call, as whoever looks at many of them needs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from monitoring.models import UNKNOWN_MODEL, Record

__all__ = [
    "POINTING",
    "SCOPE",
    "SERVICE",
    "WORDING_CHARACTERS",
    "PlacedSpan",
    "Reason",
    "Restatement",
    "Wording",
    "named_in",
]


SCOPE, SERVICE = "otel.scope", "service.name"
"""Where the metadata of a record name the instrumentation that told of a span, and the service that it ran in."""


class Reason(StrEnum):
    """Why a span is no call of its own, as GET /traces/{id} says it; rows keep it as plain text."""

    RESPONSE = "same_response_id"
    USAGE = "same_usage"
    PART = "part_of_usage"
    BARE = "no_usage_of_its_own"
    SILENT = "no_texts_of_its_own"
    MOMENT = "same_time_usage_and_text"
    STREAM = "request_of_stream"
    SUM = "sum_of_usage"
    WRAPS = "wraps_calls"


POINTING: Final[frozenset[str]] = frozenset({Reason.SUM, Reason.WRAPS})
"""Reasons of a span that stands for several calls and names the last of them."""


class PlacedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A span by its place in its OpenTelemetry trace, and what it tells of a call.

    Tokens are those that it reported itself, None where it did not. `silent` is a call whose texts were not sent
    with it, `answered` one whose response has text. `restates` names the call that it tells of once more.
    """

    trace_id: UUID
    otel_trace_id: bytes
    otel_span_id: bytes
    otel_parent_span_id: bytes | None
    kind: str
    model_name: str = UNKNOWN_MODEL
    provider: str | None = None
    begun: datetime | None = None
    lasted_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    silent: bool = False
    answered: bool = True
    failed: bool = False
    response_key: bytes | None = None
    user_id: str | None = None
    session_id: str | None = None
    scope: str | None = None
    restates: UUID | None = None
    restates_because: str | None = None

    @property
    def reports(self) -> bool:
        """It says itself how many tokens were used."""
        told = self.prompt_tokens is not None and self.completion_tokens is not None
        return told and bool(self.prompt_tokens or self.completion_tokens)


WORDING_CHARACTERS = 4_000
"""How much of a prompt and of a response is compared."""


class Wording(NamedTuple):
    """What tells two spans of the same usage apart: instrumentation, service, and the beginnings of their texts.

    A text is empty where it is not known.
    """

    scope: str | None
    service: str | None
    prompt: str
    response: str


class Restatement(NamedTuple):
    """The call that a span tells of once more, by the id it is stored under, and why they are one."""

    call: UUID
    because: str


def named_in(record: Record, name: str) -> str | None:
    """Return the text under a name in the metadata of a record, None where there is none."""
    told = record.metadata.get(name)
    return told if isinstance(told, str) else None
