"""Which worker processes live: each gives a sign of life every few seconds."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from app.queue.names import WORKERS_KEY, text_of

__all__ = ["beat", "live_workers", "retire"]

_WORKER_SILENCE_MS = 15_000
_FORGOTTEN_MS = 60_000


async def live_workers(redis: Redis, now_ms: int) -> dict[str, int]:
    """Return the workers that were heard of lately, by name, with the time of their last sign in ms."""
    commands: Any = redis
    seen = await commands.hgetall(WORKERS_KEY)
    times = {text_of(name): int(moment) for name, moment in seen.items()}
    return {name: moment for name, moment in times.items() if now_ms - moment <= _WORKER_SILENCE_MS}


async def beat(redis: Redis, worker: str, now_ms: int) -> None:
    """Note that a worker lives, and forget those that gave no sign of life for a minute."""
    commands: Any = redis  # redis types a hash command as awaitable or value, whichever client it serves
    await commands.hset(WORKERS_KEY, worker, now_ms)
    for name, seen in (await commands.hgetall(WORKERS_KEY)).items():
        if now_ms - int(seen) > _FORGOTTEN_MS:
            await commands.hdel(WORKERS_KEY, name)


async def retire(redis: Redis, worker: str) -> None:
    """Note that a worker has ended."""
    commands: Any = redis
    await commands.hdel(WORKERS_KEY, worker)
