"""The reasons for giving up a record."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DeadReason"]


class DeadReason(StrEnum):
    """The reason of a dead letter.

    If scoring raised an error, the reason is the error's type instead.
    """

    DEADLINE = "deadline"
    """The record was not scored within the time limit of a job."""
    NO_SPAN = "no_span"
    """It is a given score of a response whose call never arrived."""
    PROCESS_DIED = "process_died"
    """Workers died whenever they worked on the record."""
    UNREADABLE = "unreadable"
    """The record cannot be decoded or decrypted."""
