"""Why a record was given up."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DeadReason"]


class DeadReason(StrEnum):
    """The reason of a dead letter, unless the scoring of its record raised: then it is the kind of the error."""

    DEADLINE = "deadline"
    """The record was not scored within the time that a job may take."""
    NO_SPAN = "no_span"
    """What somebody found in a response whose call never came."""
    PROCESS_DIED = "process_died"
    """Workers died whenever they worked on the record."""
    UNREADABLE = "unreadable"
    """The record cannot be decoded, or not be decrypted."""
