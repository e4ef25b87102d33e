"""The kinds of long jobs."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["JobKind"]


class JobKind(StrEnum):
    """What a job does. The database keeps it as plain text."""

    ERASE = "erase"
    """Deletes what is known of a user or of a call."""
    EVALUATE = "evaluate"
    """Watches an evaluation whose records are in the queue."""
    PRICE = "price"
    """Prices calls whose model was in no table of prices."""
