"""What differs from project to project: one typed row."""

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
    "decode_settings",
    "encode_settings",
]

DEFAULT_PROJECT = "default"
PROJECT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class BacklogLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of one project may wait to be scored before its new records are refused with 429.

    `records` waiting, their `bytes` as queued, `age_seconds` of the oldest; None sets no such limit. Raises
    ValueError for a limit below 1.
    """

    records: int | None = None
    bytes: int | None = None
    age_seconds: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if (limit := getattr(self, name)) is not None and limit < 1:
                raise ValueError(f"backlog.{name} is at least 1, or null for no limit of the project's own")


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decisions of one project; what it does not say is as for everybody.

    `policy` holds thresholds and weights by evaluator name. `retention_days` (at least 1) shortens how long
    its traces are kept; None keeps them as long as the installation does. `redaction` says what becomes of
    personal data before anything is queued. `text_share`, 0..1, is the share of traces that are stored with
    their texts; all are scored. `backlog` limits what may wait in the queue; `guard` says when POST /guard
    blocks. Raises ValueError for values outside their range.
    """

    policy: Policy = Policy()
    retention_days: int | None = None
    redaction: Redaction = Redaction()
    text_share: float = 1.0
    backlog: BacklogLimits = BacklogLimits()
    guard: GuardPolicy = GuardPolicy()

    def __post_init__(self) -> None:
        if self.retention_days is not None and self.retention_days < 1:
            raise ValueError("retention_days is at least 1, or null for that of the installation")
        if not 0.0 <= self.text_share <= 1.0:
            raise ValueError("text_share lies between 0 and 1")
        if rb"\u0000" in _encode(self):
            raise ValueError("settings hold no NUL character, which Postgres cannot keep")


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant: every trace, key, job and figure belongs to exactly one."""

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
    """Read the column back; raises msgspec.ValidationError for what no version of this wrote."""
    return _decode(value)
