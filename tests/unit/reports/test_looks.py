"""Looks that take long are kept, quick ones are not, and the same look is shared."""

from __future__ import annotations

import asyncio

import pytest

from app.reports.looks import Looks


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "later", "looks"),
    [
        pytest.param(1.0, 18.0, 1, id="a slow look is kept for twenty times its duration"),
        pytest.param(1.0, 20.0, 2, id="and no longer"),
        pytest.param(0.05, 0.0, 2, id="a quick look is not kept at all"),
    ],
)
async def test_only_slow_looks_are_kept(seconds: float, later: float, looks: int) -> None:
    clock = Clock()
    found: list[int] = []

    async def look() -> int:
        clock.now += seconds
        found.append(len(found))
        return found[-1]

    kept = Looks(clock)
    await kept.take("week", look)
    clock.now += later
    assert await kept.take("week", look) == looks - 1
    assert len(found) == looks


async def test_requests_of_one_moment_share_a_look_and_others_have_their_own() -> None:
    clock = Clock()
    asked: list[int] = []

    async def look() -> str:
        asked.append(1)
        await asyncio.sleep(0)
        clock.now += 1
        return "found"

    kept = Looks(clock)
    assert set(await asyncio.gather(*(kept.take("day", look) for _ in range(10)))) == {"found"}
    assert len(asked) == 1
    await kept.take("other project", look)
    assert len(asked) == 2


async def test_a_look_that_failed_is_not_kept_and_old_ones_are_forgotten() -> None:
    kept = Looks(Clock())

    async def fail() -> int:
        raise ValueError("no answer")

    async def look() -> int:
        return 7

    with pytest.raises(ValueError, match="no answer"):
        await kept.take("day", fail)
    assert await kept.take("day", look) == 7
    for number in range(1_000):
        await kept.take(number, look)
    assert len(kept) <= 256
