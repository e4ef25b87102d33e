"""Accepting records: ids, limits, one durable commit for many requests, and bounded waiting."""

from app.ingest.outcomes import Accepted, Prepared, Submission
from app.ingest.service import Ingest

__all__ = ["Accepted", "Ingest", "Prepared", "Submission"]
