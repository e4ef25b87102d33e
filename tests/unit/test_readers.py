from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.errors import Overdue, Overloaded
from app.storage.readers import Readers


async def hold(limits: Readers, project_id: str, until: asyncio.Event, held: list[str]) -> None:
    async with limits.admit(project_id):
        held.append(project_id)
        await until.wait()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_project_holds_its_turns_and_leaves_the_others_theirs() -> None:
    limits, until = Readers(at_once=2, waiting=1), asyncio.Event()
    held: list[Any] = []
    readers = [asyncio.create_task(hold(limits, "shop", until, held)) for _ in range(3)]
    await settle()
    assert held == ["shop", "shop"]
    with pytest.raises(Overloaded) as refused:
        async with limits.admit("shop"):
            pytest.fail("a fourth was let in")
    assert refused.value.retry_after
    async with limits.admit("bank"):
        pass
    until.set()
    await asyncio.gather(*readers)
    assert held == ["shop"] * 3
    async with limits.admit("shop"):
        pass
    assert not limits._lines  # noqa: SLF001 what is forgotten cannot be seen from outside


async def test_who_waits_too_long_is_refused_and_leaves_the_line() -> None:
    limits, until = Readers(at_once=1, waiting=1, wait_seconds=0), asyncio.Event()
    held: list[Any] = []
    reader = asyncio.create_task(hold(limits, "shop", until, held))
    await settle()
    for _ in range(3):
        with pytest.raises(Overloaded, match="others wait already"):
            async with limits.admit("shop"):
                pytest.fail("two read at once")
    until.set()
    await reader


async def test_a_turn_that_lasts_too_long_is_ended_and_free_again() -> None:
    limits = Readers(at_once=1, turn_seconds=0)
    for _ in range(2):
        with pytest.raises(Overdue, match="shorter period"):
            async with limits.admit("shop"):
                await asyncio.Event().wait()


async def test_a_timeout_of_the_reader_itself_stays_one() -> None:
    with pytest.raises(TimeoutError):
        async with Readers().admit("shop"):
            raise TimeoutError


async def test_a_reader_who_gives_up_waiting_leaves_the_line() -> None:
    limits, until = Readers(at_once=1, waiting=1), asyncio.Event()
    held: list[Any] = []
    reader = asyncio.create_task(hold(limits, "shop", until, held))
    await settle()
    waiting = asyncio.create_task(hold(limits, "shop", until, held))
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    until.set()
    await reader
    assert not limits._lines  # noqa: SLF001 what is forgotten cannot be seen from outside
