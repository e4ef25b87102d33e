"""What became of the lines of a request."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from app.schemas.queued import Summary
from app.schemas.records import Rejection
from monitoring.models import Record

__all__ = ["Accepted", "Prepared", "Submission"]


class Accepted(NamedTuple):
    """A record that is accepted: its trace id, and whether its client id was known already."""

    trace_id: UUID
    duplicate: bool


class Submission(NamedTuple):
    """The outcome of each line, aligned with the request, and the scores that arrived in time.

    `records` are the queued records by trace id, in the form in which they were queued: redacted
    where the project wants that.
    """

    outcomes: tuple[Accepted | Rejection, ...]
    summaries: dict[UUID, Summary]
    records: dict[UUID, Record]


class Prepared(NamedTuple):
    """Records in the form for the queue, and the outcome of each line.

    `records` are the same by trace id, and `retried` those of them that were sent before.
    """

    outcomes: tuple[Accepted | Rejection, ...]
    envelopes: list[bytes]
    records: dict[UUID, Record]
    retried: set[UUID]
