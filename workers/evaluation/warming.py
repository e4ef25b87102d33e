"""The envelopes that a worker scores before its first job."""

from __future__ import annotations

from app.schemas.ids import mint
from app.schemas.queued import Envelope
from monitoring.models import Record

__all__ = ["envelope_of"]


def envelope_of(record: Record, now_ms: int) -> Envelope:
    """Return the record as if it had just been accepted."""
    return Envelope(trace_id=mint(now_ms), project_id="default", source="live", record=record)
