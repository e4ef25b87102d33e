"""Attempts at work that costs much: a few at once, a few waiting, and first who has asked least in vain."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from app.errors import Overloaded

__all__ = ["Attempts"]

_RETRY_SECONDS = 2


class _Place(NamedTuple):
    """A place in the queue: how often its name asked in vain before, and its number, which is the lower the later."""

    vain: int
    number: int
    turn: asyncio.Future[None]


class Attempts:
    """Lets `most` work at once and `longest` wait.

    A name comes the later the more often it has asked without success, tries that still wait among them, so that
    who guesses, from however many addresses, stands behind who knows. Among equals the last comes first: a crowd that
    came together holds nobody up who comes after it. The last `remembered` names are known.
    """

    def __init__(self, *, most: int, longest: int, remembered: int = 10_000) -> None:
        self._free = most
        self._longest = longest
        self._remembered = remembered
        self._waiting: list[_Place] = []
        self._vain: OrderedDict[str, int] = OrderedDict()
        self._numbers = itertools.count(0, -1)

    def note_success(self, name: str) -> None:
        """Forget what a name asked in vain."""
        self._vain.pop(name, None)

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for a turn of a name and hold it for the length of the block; raises Overloaded when too many wait."""
        vain = self._note_try(name)
        if self._free:
            self._free -= 1
        else:
            await self._queue(vain)
        try:
            yield
        finally:
            self._hand_on()

    def _note_try(self, name: str) -> int:
        vain = self._vain.pop(name, 0)
        self._vain[name] = vain + 1
        if len(self._vain) > self._remembered:
            self._vain.popitem(last=False)
        return vain

    async def _queue(self, vain: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = _Place(vain, next(self._numbers), turn)
        self._waiting.append(place)
        if len(self._waiting) > self._longest:
            last = max(self._waiting, key=_order)
            self._waiting.remove(last)
            last.turn.set_exception(_too_many())
        try:
            await turn
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            elif turn.done() and not turn.cancelled() and not turn.exception():
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        if not self._waiting:
            self._free += 1
            return
        first = min(self._waiting, key=_order)
        self._waiting.remove(first)
        first.turn.set_result(None)


def _order(place: _Place) -> tuple[int, int]:
    return place.vain, place.number


def _too_many() -> Overloaded:
    return Overloaded(
        "Too many try to sign in at this moment; try again shortly. A key needs no waiting.",
        retry_after=_RETRY_SECONDS,
    )
