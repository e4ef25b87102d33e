"""Looks at the calls of a window, kept for a while because they take long."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

__all__ = ["Looks"]

_MOST: Final = 256
# A look that took longer is kept for twenty times as long as it took. So looks take at most a
# twentieth of the time, and a small project always sees its newest calls.
_QUICK_SECONDS: Final = 0.05
_SHARE: Final = 20

Of = TypeVar("Of")


@dataclass
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: Any = None
    until: float = float("-inf")


class Looks:
    """Keeps what a look found, for each of the 256 windows that were asked for last.

    Requests that ask for the same look at the same time share it. `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of windows that are kept."""
        return len(self._kept)

    async def take(self, key: Hashable, look: Callable[[], Awaitable[Of]]) -> Of:
        """Return what was found under a key lately, otherwise what `look` finds now.

        A key is always of the same kind of look, which never finds None.
        """
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        async with kept.lock:
            begun = self._clock()
            if kept.value is not None and begun < kept.until:
                known: Of = kept.value
                return known
            found = kept.value = await look()
            seconds = self._clock() - begun
            kept.until = begun + seconds * _SHARE if seconds > _QUICK_SECONDS else begun
            return found
