"""How long a client wants to wait for scores: the Prefer header (RFC 7240)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

__all__ = ["LONGEST_WAIT", "Preference", "read_preference"]

LONGEST_WAIT = 60
_LONGEST = 256


class Preference(NamedTuple):
    """Seconds to wait, and what to say in Preference-Applied (None: the client asked for nothing)."""

    wait_seconds: float
    applied: str | None


def read_preference(headers: Sequence[str], *, default_seconds: float) -> Preference:
    """Read `respond-async` and `wait=N` from the values of every Prefer header.

    `wait` bounds the waiting, to a minute at most; `respond-async` alone means no waiting. The first
    value of a repeated preference counts; what cannot be read, or has more than 256 characters in all, is
    ignored (RFC 7240, section 2).
    """
    if sum(map(len, headers)) > _LONGEST:
        return Preference(default_seconds, None)
    return _read(tuple(headers), default_seconds)


@lru_cache(maxsize=256)  # of what clients send, so nothing long comes here
def _read(headers: tuple[str, ...], default_seconds: float) -> Preference:
    found: dict[str, str] = {}
    for header in headers:
        for token in header.split(","):
            name, _, value = token.partition(";")[0].partition("=")
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    wait = found.get("wait", "")
    seconds = int(wait) if wait.isascii() and wait.isdigit() and len(wait) <= 9 else None  # noqa: PLR2004 nine digits are 31 years
    applied = []
    if "respond-async" in found:
        applied.append("respond-async")
        seconds = 0 if seconds is None else seconds
    if seconds is None:
        return Preference(default_seconds, None)
    seconds = min(seconds, LONGEST_WAIT)
    if wait:
        applied.append(f"wait={seconds}")
    return Preference(seconds, ", ".join(applied) or None)
