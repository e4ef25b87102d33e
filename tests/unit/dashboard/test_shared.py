from __future__ import annotations

import asyncio

import pytest

from dashboard.data.shared import Shared


class Question:
    def __init__(self) -> None:
        self.asked = 0
        self.failing = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> int:
        self.asked += 1
        await self.gate.wait()
        if self.failing:
            raise ConnectionError
        return self.asked


async def test_questions_within_a_moment_are_asked_once() -> None:
    now = 0.0
    question, shared = Question(), Shared[int](1.0, clock=lambda: now)
    assert [await shared.get("a", question), await shared.get("a", question)] == [1, 1]
    assert await shared.get("b", question) == 2
    now = 1.5
    assert await shared.get("a", question) == 3


async def test_browsers_that_ask_at_once_wait_for_one_answer() -> None:
    question, shared = Question(), Shared[int](1.0)
    question.gate.clear()
    waiting = [asyncio.create_task(shared.get("a", question)) for _ in range(5)]
    await asyncio.sleep(0)
    question.gate.set()
    assert await asyncio.gather(*waiting) == [1] * 5


async def test_a_browser_that_leaves_takes_no_answer_from_the_others() -> None:
    question, shared = Question(), Shared[int](1.0)
    question.gate.clear()
    leaving, staying = (asyncio.create_task(shared.get("a", question)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    question.gate.set()
    assert await staying == 1


async def test_a_failure_is_not_kept() -> None:
    question, shared = Question(), Shared[int](60.0)
    question.failing = True
    with pytest.raises(ConnectionError):
        await shared.get("a", question)
    question.failing = False
    assert await shared.get("a", question) == 2
