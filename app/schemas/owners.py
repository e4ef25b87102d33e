"""What is known of a user or session in a window, and the turns of a conversation."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

__all__ = ["Activity", "Turn"]


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """The newest calls of one user or session in a window.

    `calls` of them were read. Qualities are 0..1, and `cost_usd` sums the `priced` calls.
    """

    owner: str
    user_id: str | None
    calls: int
    priced: int
    cost_usd: Decimal | None
    prompt_tokens: int
    completion_tokens: int
    average_quality: float | None
    worst_quality: float | None
    errors: int
    flags: tuple[str, ...]
    first: datetime
    last: datetime


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a conversation, with the beginnings of its texts."""

    trace_id: UUID
    timestamp: datetime
    model_name: str
    user_id: str | None
    prompt: str
    response: str
    error: str | None
    cost_usd: Decimal | None
    prompt_tokens: int | None
    completion_tokens: int | None
    response_time_ms: float | None
    quality_score: float | None
    safety_score: float | None
    is_safe: bool | None
    safety_flags: tuple[str, ...]
