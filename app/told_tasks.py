"""What processes tell of their background tasks through Redis, so that any API process can show it."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from app.schemas.tasks import TaskState, decode_states, encode_states

__all__ = ["TELL_SECONDS", "process_name", "read_tasks", "tell_tasks"]

TELL_SECONDS = 2.0
# When a process was last heard of, in Unix milliseconds, and what it told then.
_HEARD_KEY = "llm-monitor:processes"
_TOLD_KEY = "llm-monitor:tasks"
_SILENCE_MS = 15_000
_FORGOTTEN_MS = 60_000


def process_name(kind: str) -> str:
    """Return the name of this process: what it does, on which machine, and its number there."""
    return f"{kind} {socket.gethostname()}:{os.getpid()}"


async def tell_tasks(redis: Redis, process: str, states: Sequence[TaskState], now_ms: int) -> None:
    """Tell how the tasks of a process do, and forget processes that were silent for a minute."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.zadd(_HEARD_KEY, {process: now_ms})
        pipe.hset(_TOLD_KEY, mapping={process: encode_states(states)})
        pipe.zrange(_HEARD_KEY, 0, now_ms - _FORGOTTEN_MS, byscore=True)
        silent = (await pipe.execute())[-1]
    if silent:
        async with redis.pipeline(transaction=True) as pipe:
            pipe.hdel(_TOLD_KEY, *silent)
            pipe.zrem(_HEARD_KEY, *silent)
            await pipe.execute()


async def read_tasks(redis: Redis, now_ms: int) -> dict[str, tuple[TaskState, ...]]:
    """Return the states that processes told in the last fifteen seconds, by process; raises redis errors."""
    heard = await redis.zrangebyscore(_HEARD_KEY, now_ms - _SILENCE_MS, "+inf")
    if not heard:
        return {}
    commands: Any = redis
    told = await commands.hmget(_TOLD_KEY, heard)
    found = {}
    for name, states in zip(heard, told, strict=True):
        try:
            found[name.decode()] = decode_states(states or b"")
        except msgspec.MsgspecError:  # a process of another version
            continue
    return found
