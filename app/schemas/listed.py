"""Traces as lists show them, and the filters of lists."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

__all__ = ["Filters", "GivenScore", "ListedTrace", "Restating", "TreeNode"]


class Restating(msgspec.Struct, frozen=True, kw_only=True):
    """A stored span that restates a call, and the reason."""

    trace_id: UUID
    because: str | None


class TreeNode(msgspec.Struct, frozen=True, kw_only=True):
    """One span of a trace; `kind` tells calls (`llm`, `embedding`) from the steps around them.

    A step that restates a call names its stored id in `restates`.
    """

    trace_id: UUID
    kind: str
    otel_span_id: bytes | None
    otel_parent_span_id: bytes | None
    timestamp: datetime
    response_time_ms: float | None
    model_name: str
    name: str | None
    error: str | None
    cost_usd: Decimal | None
    quality_score: float | None
    is_safe: bool | None
    marks: list[str]
    restates: UUID | None = None
    restates_because: str | None = None


class ListedTrace(msgspec.Struct, frozen=True, kw_only=True):
    """One trace of a list: contract names, and the beginnings of its texts and of its error.

    `name` is that of the OpenTelemetry span.
    """

    trace_id: UUID
    timestamp: datetime
    source: str
    model_name: str
    provider: str | None
    user_id: str | None
    session_id: str | None
    template_id: str | None
    topic: str | None
    quality_score: float | None
    safety_score: float | None
    is_safe: bool | None
    safety_flags: tuple[str, ...]
    cost_usd: Decimal | None
    pricing_status: str
    response_time_ms: float | None
    marks: tuple[str, ...]
    prompt: str
    response: str
    kind: str = "llm"
    name: str | None = None
    tags: tuple[str, ...] = ()
    error: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class GivenScore(msgspec.Struct, frozen=True, kw_only=True):
    """A score that somebody else gave a call.

    `source` says how it came, for example `langfuse` or `otel`. `value` is 0..1. It is None where
    there is only a label, or a number outside 0..1, which is then in `parts`.
    """

    evaluator: str
    source: str
    value: float | None
    label: str
    confidence: float
    comment: str | None
    parts: dict[str, float]
    created_at: datetime


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of a list of traces; None means no filter.

    `user_ids` and `session_ids` are the forms under which one id may be stored; empty means no
    filter. `start` is inclusive and `end` exclusive; both are moments of calls. Qualities are 0..1.
    """

    source: str | None = "live"
    model: str | None = None
    user_ids: tuple[str, ...] = ()
    session_ids: tuple[str, ...] = ()
    template_id: str | None = None
    topic: str | None = None
    flag: str | None = None
    is_safe: bool | None = None
    min_quality: float | None = None
    max_quality: float | None = None
    start: datetime | None = None
    end: datetime | None = None
