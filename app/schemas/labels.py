"""What people found out about stored calls: true and false alarms, and scores."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from monitoring.models import TextField

__all__ = ["MOST_LABELS", "Claimed", "Label", "ReviewCounts", "ReviewProgress", "Span", "Verdict"]

MOST_LABELS: Final = 200
"""The most labels of one call."""
Verdict = Literal["true_alarm", "false_alarm"]
_LONGEST_TEXT = 100_000_000


class Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place in one text of a call: character offsets, the end exclusive."""

    field: TextField
    start: Annotated[int, Meta(ge=0, le=_LONGEST_TEXT)]
    end: Annotated[int, Meta(ge=1, le=_LONGEST_TEXT)]


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What one person says about a call: a score of source `human`.

    `finding` names an evaluator or a flag of the call, and `flag` is the flag that the label is
    about. `label` is `true_alarm` or `false_alarm`, and `value` then 1 or 0, as a perfect detector
    would have it. Without a finding `label` is `score`, and `value` (0..1, 1 is good) is about the
    whole call. `evidence` is the place that is meant, if it is not everything that was found.
    `actor` names the key or session of the person.
    """

    label_id: UUID
    trace_id: UUID
    finding: str | None = None
    flag: str | None = None
    label: str
    value: float
    evidence: Span | None = None
    comment: str | None = None
    actor: str
    created_at: datetime
    source: str = "human"


class ReviewCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many flagged calls people looked at, and how many of these were false alarms.

    `dismissed` of the false alarms do not count. `reported` counts calls of which feedback says so.
    """

    reviewed: int = 0
    false_alarms: int = 0
    dismissed: int = 0
    reported: int = 0


class ReviewProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls there are, how many people looked at, and how many had a false alarm."""

    calls: int = 0
    reviewed: int = 0
    false_alarms: int = 0


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A call that one person has claimed, and its flags."""

    trace_id: UUID
    flags: tuple[str, ...]
