"""Room on the disk that is kept for the servers: a file that is given up when they cannot start without it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.disk import RESERVE_BYTES, free_bytes

__all__ = ["give_up_reserve", "keep_reserve"]

_NAME: Final = "reserve"
# Made again only where new records are admitted with it in place, so that it never takes what they wait for.
_PLENTY: Final = 4 * RESERVE_BYTES


def keep_reserve(folder: Path) -> bool:
    """Make the file of 64 MiB in `folder` where there is plenty of room; returns whether it was made."""
    place = folder / _NAME
    staging = folder / f".{_NAME}"
    try:
        if place.exists() or free_bytes(folder) < _PLENTY:
            return False
        with staging.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        staging.replace(place)
    except OSError:  # without it the servers wait until there is room
        with suppress(OSError):
            staging.unlink(missing_ok=True)
        return False
    return True


def give_up_reserve(folder: Path) -> bool:
    """Delete the file where less room is left than it takes; returns whether it was deleted."""
    place = folder / _NAME
    try:
        if not place.exists() or free_bytes(folder) >= RESERVE_BYTES:
            return False
        place.unlink()
    except OSError:
        return False
    return True
