"""API keys as they are stored, without the secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec

__all__ = ["LONGEST_NAME", "NAME_PATTERN", "SCOPES", "Act", "Key", "Scope"]

LONGEST_NAME: Final = 128
# Names are shown on terminals and pages. So control characters are forbidden, and characters that
# change the direction of writing.
NAME_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+(?![\s\S])"

Scope = Literal["feedback", "ingest", "read", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key of one project; `digest` is the SHA-256 of the whole key, `prefix` its beginning.

    `requests_per_minute` is None for a key without a rate limit, `expires_at` for a key that does
    not expire.
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
        """Return whether the key is valid at an aware moment, and if not, why."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One act of administration by an actor on a subject of a project.

    Its UUIDv7 has the moment.
    """

    project_id: str
    act_id: UUID
    actor: str
    act: str
    subject: str
    detail: dict[str, Any]
