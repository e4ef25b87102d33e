"""The wall clock, which is the default clock; `monitoring` reads the time only here."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now_utc"]


def now_utc() -> datetime:
    """Return the wall clock, aware UTC."""
    return datetime.now(UTC)
