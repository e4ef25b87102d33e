"""How much one request may hold beside its bytes, counted before anything is built from them.

A compressed body of a few kilobytes can stand for millions of records, so bytes alone bound neither
work nor memory. Exporters and the helpers of this project send 200 to 10,000 records a request; a
body of the largest size holds 32,000 records of two kilobytes.
"""

from __future__ import annotations

from typing import Final

from app.errors import BodyTooLarge

__all__ = ["METADATA_BYTES", "MOST_RECORDS", "MOST_RECORD_VALUES", "MOST_VALUES", "check_records", "too_many"]

MOST_RECORDS: Final = 50_000
"""Records, spans, log records or metrics in one request."""
MOST_VALUES: Final = 2_000_000
"""Values (fields, attributes and items of lists) in one request."""
MOST_RECORD_VALUES: Final = 200_000
"""Values in one record, span or log record."""
METADATA_BYTES: Final = 64 * 1024
"""Bytes of JSON in the metadata of one record, and also in its usage object."""


def too_many(what: str, most: int) -> BodyTooLarge:
    """Return the refusal of a request that holds more than `most` of something."""
    return BodyTooLarge(
        f"One request may hold {most} {what}, and this one holds more. Nothing was accepted: "
        "send it as several requests."
    )


def check_records(count: int, what: str) -> None:
    """Raise BodyTooLarge for more records than one request may hold."""
    if count > MOST_RECORDS:
        raise too_many(what, MOST_RECORDS)
