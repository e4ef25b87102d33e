"""FairThreads with a few threads.

Projects share them by how much they were served, and nothing runs that nobody awaits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from app.fair_threads import FairThreads


class Line:
    """One thread that is held until the test lets it go, and the order in which work ran."""

    def __init__(self) -> None:
        self.turns = FairThreads("test", threads=1)
        self.gate = threading.Event()
        self.order: list[str] = []

    def put(self, project: str, cost: float = 1.0, name: str = "") -> asyncio.Task[None]:
        return asyncio.ensure_future(
            self.turns.take(project, cost, lambda: self.order.append(name or project))
        )

    async def hold(self) -> asyncio.Task[bool]:
        held = asyncio.ensure_future(self.turns.take("holder", 0.0, self.gate.wait))
        await asyncio.sleep(0)
        return held


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    yield line
    line.gate.set()
    line.turns.close()


async def test_the_project_that_was_served_least_is_next(line: Line) -> None:
    held = await line.hold()
    tasks = [line.put("large") for _ in range(20)] + [line.put("small") for _ in range(3)]
    await asyncio.sleep(0)
    line.gate.set()
    await asyncio.gather(held, *tasks)
    assert line.order[:6].count("small") == 3


async def test_dear_work_counts_for_more(line: Line) -> None:
    held = await line.hold()
    tasks = [line.put("dear", 4.0) for _ in range(10)] + [line.put("cheap", 1.0) for _ in range(20)]
    await asyncio.sleep(0)
    line.gate.set()
    await asyncio.gather(held, *tasks)
    assert 3 <= line.order[:20].count("dear") <= 5


async def test_pieces_of_a_project_keep_their_order(line: Line) -> None:
    held = await line.hold()
    tasks = [line.put("one", name=str(number)) for number in range(9)]
    await asyncio.sleep(0)
    line.gate.set()
    await asyncio.gather(held, *tasks)
    assert line.order == [str(number) for number in range(9)]


async def test_what_is_given_up_while_it_waits_never_begins(line: Line) -> None:
    held = await line.hold()
    given_up, other = line.put("one", name="given up"), line.put("one", name="other")
    await asyncio.sleep(0)
    given_up.cancel()
    line.gate.set()
    await asyncio.gather(held, other)
    assert line.order == ["other"]


async def test_what_is_given_up_while_it_runs_keeps_its_thread_until_it_ends(line: Line) -> None:
    held = await line.hold()
    held.cancel()
    other = line.put("one")
    await asyncio.sleep(0)
    assert not line.order
    line.gate.set()
    await other
    assert line.order == ["one"]


async def test_errors_of_the_work_are_raised_and_the_thread_goes_on(line: Line) -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await line.turns.take("one", 1.0, fail)
    await line.put("one")
    assert line.order == ["one"]
