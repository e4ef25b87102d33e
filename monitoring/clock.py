"""The wall clock, for whoever is given no other one: `monitoring` reads the time here and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now_utc"]


def now_utc() -> datetime:
    """Return the wall clock, aware UTC."""
    return datetime.now(UTC)
