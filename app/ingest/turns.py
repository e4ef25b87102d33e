"""Long lists are worked on in parts, between which every other request has a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["in_turns"]

# Lines that are worked on at once: a few milliseconds, in which nobody else has a turn.
_PART: Final = 500
_WHOLE: Final = slice(0, _PART)


async def in_turns(count: int, work: Callable[[slice], None]) -> None:
    """Have `work` done on every part of a list of `count` items, in their order."""
    if count <= _PART:
        work(_WHOLE)
        return
    for start in range(0, count, _PART):
        if start:
            await asyncio.sleep(0)
        work(slice(start, start + _PART))
