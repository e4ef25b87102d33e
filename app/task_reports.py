"""The background tasks that processes report through Redis, for display by any API process."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from app.schemas.tasks import TaskState, decode_states, encode_states

__all__ = ["REPORT_SECONDS", "process_name", "read_tasks", "report_tasks"]

REPORT_SECONDS = 2.0
# When a process reported last, in Unix milliseconds, and its report.
_REPORTED_AT_KEY = "llm-monitor:processes"
_REPORTS_KEY = "llm-monitor:tasks"
_SILENCE_MS = 15_000
_FORGOTTEN_MS = 60_000


def process_name(kind: str) -> str:
    """Return the name of this process: its kind, its machine, and its number there."""
    return f"{kind} {socket.gethostname()}:{os.getpid()}"


async def report_tasks(redis: Redis, process: str, states: Sequence[TaskState], now_ms: int) -> None:
    """Report the tasks of a process, and forget processes that were silent for a minute."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.zadd(_REPORTED_AT_KEY, {process: now_ms})
        pipe.hset(_REPORTS_KEY, mapping={process: encode_states(states)})
        pipe.zrange(_REPORTED_AT_KEY, 0, now_ms - _FORGOTTEN_MS, byscore=True)
        silent = (await pipe.execute())[-1]
    if silent:
        async with redis.pipeline(transaction=True) as pipe:
            pipe.hdel(_REPORTS_KEY, *silent)
            pipe.zrem(_REPORTED_AT_KEY, *silent)
            await pipe.execute()


async def read_tasks(redis: Redis, now_ms: int) -> dict[str, tuple[TaskState, ...]]:
    """Return the states that processes reported in the last 15 seconds, by process.

    Raises redis errors.
    """
    heard = await redis.zrangebyscore(_REPORTED_AT_KEY, now_ms - _SILENCE_MS, "+inf")
    if not heard:
        return {}
    commands: Any = redis
    told = await commands.hmget(_REPORTS_KEY, heard)
    found = {}
    for name, states in zip(heard, told, strict=True):
        try:
            found[name.decode()] = decode_states(states or b"")
        except msgspec.MsgspecError:  # a process of another version
            continue
    return found
