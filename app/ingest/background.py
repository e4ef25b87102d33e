"""Tasks that run beside a block and end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

__all__ = ["in_background"]

_AGAIN_SECONDS = 0.2


@asynccontextmanager
async def in_background(*coroutines: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run coroutines for the length of the block and return when every one has ended.

    A cancellation can be lost inside redis-py, which polls its socket under a timeout of zero, and on
    Python 3.11 that timeout takes a cancellation of the same moment for its own. So they are cancelled
    until they end.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        pending = set(tasks)
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
        await asyncio.gather(*tasks, return_exceptions=True)
