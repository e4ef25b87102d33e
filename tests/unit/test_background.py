from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from app.ingest.background import in_background


async def forever(ended: list[str], swallowed: int) -> None:
    """Run on over a number of cancellations, as a client library that loses them would."""
    for _ in range(swallowed):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


@pytest.mark.parametrize("swallowed", [0, 1, 3])
async def test_a_task_that_loses_cancellations_ends_with_the_block(swallowed: int) -> None:
    ended: list[str] = []
    async with asyncio.timeout(10), in_background(forever(ended, swallowed), forever(ended, 0)):
        await asyncio.sleep(0)
        assert ended == []
    assert ended == ["ended", "ended"]


async def test_a_task_that_failed_does_not_hide_the_error_of_the_block() -> None:
    async def fail() -> None:
        raise ValueError("mine")

    with pytest.raises(KeyError):  # noqa: PT012 the block is what is tested
        async with in_background(fail()):
            await asyncio.sleep(0)
            raise KeyError
