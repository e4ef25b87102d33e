"""API keys as they are stored: never the key itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec

__all__ = ["LONGEST_NAME", "NAME_PATTERN", "SCOPES", "Act", "Key", "Scope"]

LONGEST_NAME: Final = 128
# Names are shown on terminals and pages: no control characters, and none that turns the direction of writing.
NAME_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+(?![\s\S])"

Scope = Literal["ingest", "read", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key of one project; `digest` is the SHA-256 of the whole key, `prefix` its public beginning.

    `requests_per_minute` is None where nothing limits it, `expires_at` where it does not end by itself.
    """

    project_id: str
    prefix: str
    name: str
    digest: bytes
    scopes: tuple[Scope, ...]
    requests_per_minute: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> Literal["active", "expired", "revoked"]:
        """Return whether the key counts at an aware moment, and if not, why."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One act of administration: who did what to which subject of a project; its UUIDv7 says when."""

    project_id: str
    act_id: UUID
    actor: str
    act: str
    subject: str
    detail: dict[str, Any]
