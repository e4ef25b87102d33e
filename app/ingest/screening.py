"""Checks of lines before any of them is stored: whether they are possible, and their ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from app.ingest.idempotency import client_key
from app.ingest.turns import in_turns
from app.schemas.queued import encode
from app.schemas.records import Rejection
from monitoring.models import Record

__all__ = ["find_claims", "measure", "screen"]

_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST_AHEAD: Final = timedelta(days=1)
_IMPOSSIBLE: Final = "timestamp lies before 2020 or more than a day ahead of the server's clock"
# What an envelope adds to its record in bytes: ids, kind and marks.
_ENVELOPE_BYTES: Final = 150
# The size up to which personal data is looked for. Card numbers alone take 1.5 s per MiB on one
# core, ordinary text 0.01 s (2026-11-29).
_SEARCHED_BYTES: Final = 1024 * 1024
_TOO_LONG: Final = (
    f"the project redacts personal data, and its records may have at most {_SEARCHED_BYTES} bytes: cut it, or "
    "let the project drop texts"
)


async def screen(
    lines: Sequence[Record | Rejection], *, now_ms: int, searched: bool
) -> list[Record | Rejection]:
    """Reject impossible moments, and records that are too long where texts are `searched`.

    A moment is impossible if no clock of a live system can give it.
    """
    screened: list[Record | Rejection] = []

    def work(part: slice) -> None:
        for number, line in enumerate(lines[part], start=part.start + 1):
            kept = line
            if not isinstance(line, Rejection):
                if line.timestamp is not None and _is_impossible(line.timestamp, now_ms):
                    kept = Rejection(number, "timestamp", _IMPOSSIBLE)
                elif searched and len(encode(line)) > _SEARCHED_BYTES:
                    kept = Rejection(number, None, _TOO_LONG)
            screened.append(kept)

    await in_turns(len(lines), work)
    return screened


def _is_impossible(moment: datetime, now_ms: int) -> bool:
    return not _EARLIEST <= moment <= _latest(now_ms)


@lru_cache(maxsize=1)  # the records of a request have the same `now_ms`
def _latest(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, UTC) + _LATEST_AHEAD


def find_claims(
    lines: Sequence[Record | Rejection], keys: Sequence[str | None] | None, *, of_spans: bool
) -> dict[int, str]:
    """Return the idempotency keys of records by index: those of the request, else their own ids.

    The keys of spans are made by this product, all others by clients.
    """
    claims: dict[int, str] = {}
    for index, line in enumerate(lines):
        if isinstance(line, Record):
            key = keys[index] if keys else None
            if key and of_spans:
                claims[index] = key
            elif given := key or line.id:
                claims[index] = client_key(given)
    return claims


async def measure(lines: Sequence[Record | Rejection]) -> int:
    """Return about how many bytes the records of these lines will take in the queue.

    They are encoded for this alone, which is a hundredth of the cost of accepting them.
    """
    size = 0

    def work(part: slice) -> None:
        nonlocal size
        size += sum(len(encode(line)) + _ENVELOPE_BYTES for line in lines[part] if isinstance(line, Record))

    await in_turns(len(lines), work)
    return size
