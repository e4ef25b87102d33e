"""Spans with their place in a tree and what they say about a call, for comparing many of them."""

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
"""The names in the metadata of a record for the instrumentation of a span and its service."""


class Reason(StrEnum):
    """Why a span is not a call of its own, as GET /traces/{id} says.

    Rows store it as plain text.
    """

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
"""The reasons of a span that stands for several calls and names the last of them."""


class PlacedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A span with its place in its OpenTelemetry trace, and what it says about a call.

    Tokens are those that it reported itself, None where it did not. `silent` is a call whose texts
    were not sent with it, `answered` one whose response has text. `restates` names the call that it
    restates.
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
        """Whether the span reports itself how many tokens were used."""
        told = self.prompt_tokens is not None and self.completion_tokens is not None
        return told and bool(self.prompt_tokens or self.completion_tokens)


WORDING_CHARACTERS = 4_000
"""The number of characters of a prompt and of a response that are compared."""


class Wording(NamedTuple):
    """What distinguishes two spans of the same usage.

    That is the instrumentation, the service, and the beginnings of their texts. An unknown text is
    empty.
    """

    scope: str | None
    service: str | None
    prompt: str
    response: str


class Restatement(NamedTuple):
    """The stored id of the call that a span restates, and the reason."""

    call: UUID
    because: str


def named_in(record: Record, name: str) -> str | None:
    """Return the text under a name in the metadata of a record, None where there is none."""
    told = record.metadata.get(name)
    return told if isinstance(told, str) else None
