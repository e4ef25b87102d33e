"""The time, for whoever is not given another clock."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now_utc"]


def now_utc() -> datetime:
    """Return the wall clock, aware UTC."""
    return datetime.now(UTC)
