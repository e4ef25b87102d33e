"""Accepting records: ids, limits, one durable commit for many requests, and bounded waiting."""

from app.ingest.service import Accepted, Ingest, Prepared, Submission

__all__ = ["Accepted", "Ingest", "Prepared", "Submission"]
