"""What is decided about lines before anything of them is kept: which are possible, and by what they are known again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
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
# What an envelope adds to its record: ids, kind and marks.
_ENVELOPE_BYTES: Final = 150
# Where personal data is looked for: card numbers alone take 1.5 s per MiB of a core, ordinary text 0.01 s (2026-11-29).
_SEARCHED_BYTES: Final = 1024 * 1024
_TOO_LONG: Final = (
    f"the project redacts personal data, and of such records one has at most {_SEARCHED_BYTES} bytes: cut it, or "
    "let the project drop texts"
)


async def screen(
    lines: Sequence[Record | Rejection], *, now_ms: int, searched: bool
) -> list[Record | Rejection]:
    """Reject moments that no clock of a live system gives, and what is too long where texts are `searched`."""
    latest = datetime.fromtimestamp(now_ms / 1000, UTC) + _LATEST_AHEAD
    screened: list[Record | Rejection] = []

    def work(part: slice) -> None:
        for number, line in enumerate(lines[part], start=part.start + 1):
            kept = line
            if not isinstance(line, Rejection):
                if line.timestamp is not None and not _EARLIEST <= line.timestamp <= latest:
                    kept = Rejection(number, "timestamp", _IMPOSSIBLE)
                elif searched and len(encode(line)) > _SEARCHED_BYTES:
                    kept = Rejection(number, None, _TOO_LONG)
            screened.append(kept)

    await in_turns(len(lines), work)
    return screened


def find_claims(
    lines: Sequence[Record | Rejection], keys: Sequence[str | None] | None, *, of_spans: bool
) -> dict[int, str]:
    """Return the idempotency keys of records by their index: those of the request, else their own ids.

    The keys of spans are ours, all others a client's.
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
    """Return how many bytes the records of these lines will have in the queue, about.

    They are encoded once more for it, which is a hundredth of what accepting them costs.
    """
    size = 0

    def work(part: slice) -> None:
        nonlocal size
        size += sum(len(encode(line)) + _ENVELOPE_BYTES for line in lines[part] if isinstance(line, Record))

    await in_turns(len(lines), work)
    return size
