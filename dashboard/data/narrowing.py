"""What a list of traces is narrowed to, as its address says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from app.schemas.listed import Filters
from dashboard.data.view import read_fields
from monitoring.privacy.redaction import SESSION_ID, USER_ID, OwnId
from monitoring.statistics.trends import Window

__all__ = ["FIELDS", "Narrowing", "read_narrowing"]

FIELDS = ("model", "flag", "verdict", "user", "session", "quality")
_VERDICTS = {"flagged": False, "clean": True}


class Narrowing(NamedTuple):
    """The fields of the list's address; None leaves one open. `before` is the last trace of the page before."""

    model: str | None = None
    flag: str | None = None
    is_safe: bool | None = None
    user: str | None = None
    session: str | None = None
    most_quality: float | None = None
    before: UUID | None = None

    def filters(
        self, source: str, window: Window, stored_forms: Callable[[OwnId, str], tuple[str, ...]]
    ) -> Filters:
        """Return what storage understands; `stored_forms` says under what an id may be stored."""
        return Filters(
            source=source,
            model=self.model,
            flag=self.flag,
            is_safe=self.is_safe,
            user_ids=stored_forms(USER_ID, self.user) if self.user else (),
            session_ids=stored_forms(SESSION_ID, self.session) if self.session else (),
            max_quality=self.most_quality,
            start=window.start,
            end=window.end,
        )


def read_narrowing(search: str | None) -> Narrowing:
    """Read the query part of an address; what makes no sense is as if it were not there."""
    fields = {name: value.replace("\0", "") for name, value in read_fields(search).items()}
    return Narrowing(
        model=fields.get("model"),
        flag=fields.get("flag"),
        is_safe=_VERDICTS.get(fields.get("verdict", "")),
        user=fields.get("user"),
        session=fields.get("session"),
        most_quality=_share(fields.get("quality", "")),
        before=_id(fields.get("before", "")),
    )


def _share(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
