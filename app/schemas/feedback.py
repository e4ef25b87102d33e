"""What people thought of responses."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

__all__ = ["Feedback", "ImplicitKind", "ImplicitSign", "Opinion", "RatingCounts"]


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """One opinion about one trace; `rating` is 1 (bad) to 5 (good)."""

    feedback_id: UUID
    trace_id: UUID
    rating: int
    comment: str | None = None
    user_id: str | None = None
    categories: tuple[str, ...] = ()
    created_at: datetime


class RatingCounts(msgspec.Struct, frozen=True):
    """Numbers of opinions in a window: all, positive (4 and 5), negative (1 and 2)."""

    total: int = 0
    positive: int = 0
    negative: int = 0


ImplicitKind = Literal["refused", "off_topic", "repeated_question", "cut_off"]
"""What shows that somebody was not served well, although nobody says so."""


class ImplicitSign(msgspec.Struct, frozen=True, kw_only=True):
    """The `count` of `calls` that show one sign, and a part of the text of the newest."""

    kind: ImplicitKind
    count: int
    calls: int
    trace_ids: tuple[UUID, ...] = ()
    texts: tuple[str, ...] = ()


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """A negative opinion, with what is known about its trace if that is stored."""

    trace_id: UUID
    rating: int
    comment: str | None
    categories: tuple[str, ...]
    model_name: str | None
    template_id: str | None
    flags: tuple[str, ...]
    overall_quality: float | None
    scores: dict[str, float]
