"""Calls for the tests of savings."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from monitoring.spending.charging import Rates
from monitoring.spending.sampled_calls import LONGEST_TEXT, SampledCall
from monitoring.spending.usage import Usage

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MILLION = Decimal(1_000_000)


def call(number: int, text: str = "", *, gap: float = 60, **fields: Any) -> SampledCall:
    """Return a call that begins `gap` seconds after the one before it, at a cent."""
    prompt, cached, written = (fields.pop(name, 0) for name in ("prompt", "cached", "written"))
    shown: dict[str, Any] = {
        "trace_id": UUID(int=number),
        "at": NOON + timedelta(seconds=number * gap),
        "model_name": "dear",
        "cost_usd": Decimal("0.01"),
        "usage": Usage(prompt, fields.pop("completion", 100), cached, written),
        "text": text[:LONGEST_TEXT],
        "characters": len(text),
        "digest": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "response": "an answer",
    }
    return SampledCall(**(shown | fields))


def rating(one: SampledCall) -> Rates | None:
    """Return prices of 10, 1 and 12.5 dollars a million for fresh, read and written tokens."""
    if one.model_name == "unpriced":
        return None
    fresh, read, written = (((-1, Decimal(price) / MILLION),) for price in ("10", "1", "12.5"))
    return Rates(source="test", input=fresh, output=fresh, cache_read=read, cache_write=written)
