"""What differs from project to project, as one typed row."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec

from app.schemas.guard import GuardPolicy
from monitoring.privacy.redaction import Redaction
from monitoring.verdict import Policy

__all__ = [
    "DEFAULT_PROJECT",
    "PROJECT_ID",
    "BacklogLimits",
    "Project",
    "ProjectSettings",
    "ReviewQueue",
    "decode_settings",
    "encode_settings",
]

DEFAULT_PROJECT = "default"
_MOST_RATERS: Final = 10
PROJECT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class BacklogLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of one project may wait to be scored before its new records are refused with 429.

    `records` is the number that waits, `bytes` their size as queued, `age_seconds` the age of the
    oldest. None sets no such limit. Raises ValueError for a limit below 1.
    """

    records: int | None = None
    bytes: int | None = None
    age_seconds: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if (limit := getattr(self, name)) is not None and limit < 1:
                raise ValueError(
                    f"backlog.{name} must be at least 1, or null for no limit of the project's own"
                )


class ReviewQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls wait for a person where nobody asks for others: those that one rule chooses.

    `flagged` chooses calls with a flag, `near_threshold` those with a value this close to the
    threshold of its detector, and `quality_below` those with a lower overall quality. `disagreeing`
    chooses calls where feedback says otherwise: a rating of 1 or 2 of a good call without a flag,
    or of 4 or 5 of a flagged or a bad one. `random_share` is a share of all calls; only such calls
    show what detectors miss. None is no such rule. `raters` is the number of people that each call
    waits for, 1 to 10. Raises ValueError for values outside 0..1.
    """

    flagged: bool = True
    near_threshold: float | None = None
    quality_below: float | None = None
    disagreeing: bool = False
    random_share: float | None = None
    raters: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.raters <= _MOST_RATERS:
            raise ValueError(f"review.raters must be 1 to {_MOST_RATERS}")
        for name in ("near_threshold", "quality_below", "random_share"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value <= 1.0:
                raise ValueError(f"review.{name} must be above 0 and at most 1, or null for no such rule")


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decisions of one project. Other settings are those for everybody.

    `policy` holds thresholds and weights by evaluator name. `retention_days` (at least 1) shortens
    the time for which its traces are kept; None keeps them as long as the installation does.
    `redaction` says what is done with personal data before a record is queued. `text_share`, 0..1,
    is the share of traces that are stored with their texts; all are scored. `backlog` limits what
    may wait in the queue. `guard` says when POST /guard blocks. `dismiss_false_alarms` says that a
    flag which people found to be a false alarm no longer counts, and `review` which calls wait for
    a person. Raises ValueError for values
    outside their range.
    """

    policy: Policy = Policy()
    retention_days: int | None = None
    redaction: Redaction = Redaction()
    text_share: float = 1.0
    backlog: BacklogLimits = BacklogLimits()
    guard: GuardPolicy = GuardPolicy()
    dismiss_false_alarms: bool = False
    review: ReviewQueue = ReviewQueue()

    def __post_init__(self) -> None:
        if self.retention_days is not None and self.retention_days < 1:
            raise ValueError("retention_days must be at least 1, or null for that of the installation")
        if not 0.0 <= self.text_share <= 1.0:
            raise ValueError("text_share must be between 0 and 1")
        if rb"\u0000" in _encode(self):
            raise ValueError("settings must not contain a NUL character, which Postgres cannot store")


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant: every trace, key, job and figure belongs to exactly one project."""

    project_id: str
    name: str
    settings: ProjectSettings
    created_at: datetime


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ProjectSettings).decode


def encode_settings(settings: ProjectSettings) -> bytes:
    """Encode settings for their column."""
    return _encode(settings)


def decode_settings(value: bytes | str) -> ProjectSettings:
    """Read the column back; raises msgspec.ValidationError for a value that no version wrote."""
    return _decode(value)
