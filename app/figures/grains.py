"""How long the buckets of rollups are, in seconds: each grain is a multiple of the one before."""

from __future__ import annotations

__all__ = ["DAY", "GRAINS", "HOUR", "MINUTE", "SIX_HOURS", "TEN_MINUTES"]

MINUTE, TEN_MINUTES, HOUR, SIX_HOURS, DAY = GRAINS = (60, 600, 3600, 21600, 86400)
