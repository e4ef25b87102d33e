"""Disk space that is reserved for the servers: a file that is deleted when they cannot start."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.disk import RESERVE_BYTES, free_bytes

__all__ = ["give_up_reserve", "keep_reserve"]

_NAME: Final = "reserve"
# The file is made again only where new records are admitted in spite of it, so that it never delays
# records.
_PLENTY: Final = 4 * RESERVE_BYTES


def keep_reserve(folder: Path) -> bool:
    """Make the file of 64 MiB in `folder` if there is plenty of room; returns whether it did."""
    place = folder / _NAME
    staging = folder / f".{_NAME}"
    try:
        if place.exists() or free_bytes(folder) < _PLENTY:
            return False
        with staging.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        staging.replace(place)
    except OSError:  # without the reserve, the servers wait until there is room
        with suppress(OSError):
            staging.unlink(missing_ok=True)
        return False
    return True


def give_up_reserve(folder: Path) -> bool:
    """Delete the file if less room is left than its size; returns whether it was deleted."""
    place = folder / _NAME
    try:
        if not place.exists() or free_bytes(folder) >= RESERVE_BYTES:
            return False
        place.unlink()
    except OSError:
        return False
    return True
