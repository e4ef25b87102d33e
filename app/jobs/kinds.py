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
    RUN = "run"
    """Waits for the scores of a run over a dataset, and keeps them with it."""
    PRICE = "price"
    """Prices calls whose model was in no table of prices."""
    REPRICE = "reprice"
    """Prices calls again after their project changed its own prices."""
