"""The kinds of long work."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["JobKind"]


class JobKind(StrEnum):
    """What a job does; rows keep it as plain text."""

    ERASE = "erase"
    """Takes away what is known of a user or of a call."""
    EVALUATE = "evaluate"
    """Follows an evaluation whose records are in the queue."""
    PRICE = "price"
    """Prices calls of which no table knew the model."""
