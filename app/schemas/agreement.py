"""What people said of calls beside what evaluators said, for comparing both."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import msgspec

__all__ = ["JudgedCall", "Said"]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One label of a whole finding or a whole call, as `app.schemas.labels.Label` has it."""

    trace_id: UUID
    finding: str | None
    flag: str | None
    label: str
    value: float
    actor: str


class JudgedCall(msgspec.Struct, frozen=True, kw_only=True):
    """What evaluators said of a call: values 0..1 by evaluator, and whose value was a hit.

    `hits` holds dismissed ones too, and `dismissed` only these. `rating` is the mean rating 1..5 of
    feedback, None without feedback.
    """

    values: Mapping[str, float]
    hits: frozenset[str]
    dismissed: frozenset[str]
    rating: float | None = None
