"""Turns at work that costs much: a few at once, a few waiting, and first who has failed least."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from app.errors import Overloaded

__all__ = ["Turns"]

_RETRY_SECONDS = 2


class _Place(NamedTuple):
    """A place in the queue; the smallest is served next, the largest gives way when the queue is full."""

    failures: int
    number: int
    turn: asyncio.Future[None]


class Turns:
    """Lets `most` work at once and `longest` wait.

    Who has failed before stands behind who has not, so that whoever guesses from many addresses is in nobody's
    way who knows. Failures of the last `remembered` names are kept.
    """

    def __init__(self, *, most: int, longest: int, remembered: int = 10_000) -> None:
        self._free = most
        self._longest = longest
        self._remembered = remembered
        self._waiting: list[_Place] = []
        self._failures: OrderedDict[str, int] = OrderedDict()
        self._numbers = itertools.count()

    def note_failure(self, name: str) -> None:
        """Remember that what a name asked for came to nothing."""
        self._failures[name] = self._failures.pop(name, 0) + 1
        if len(self._failures) > self._remembered:
            self._failures.popitem(last=False)

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for a turn of a name and hold it for the length of the block; raises Overloaded when too many wait."""
        if self._free:
            self._free -= 1
        else:
            await self._queue(name)
        try:
            yield
        finally:
            self._hand_on()

    async def _queue(self, name: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = _Place(self._failures.get(name, 0), next(self._numbers), turn)
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
    return place.failures, place.number


def _too_many() -> Overloaded:
    return Overloaded(
        "Too many try to sign in at this moment; try again shortly. A key needs no waiting.",
        retry_after=_RETRY_SECONDS,
    )
