"""Requests that wait a bounded time for the scores of their record."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from redis.asyncio import Redis

from app.events import replies, reply_channel
from app.schemas.queued import Summary

__all__ = ["Waiting"]


class Waiting:
    """Hands results that workers publish to the requests of this process that wait for them.

    A lost message costs a request its wait, never a wrong answer: the record is kept all the same.
    """

    def __init__(self, redis: Redis) -> None:
        self.channel = reply_channel(uuid4().hex)
        self._redis = redis
        self._waiters: dict[UUID, list[asyncio.Future[Summary]]] = {}
        self.listening = asyncio.Event()

    def expect(self, trace_id: UUID) -> asyncio.Future[Summary]:
        """Return a future for the scores of a record; to be called before the record is queued."""
        waiter: asyncio.Future[Summary] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(trace_id, [])
        waiters.append(waiter)
        waiter.add_done_callback(lambda done: self._forget(trace_id, done))
        return waiter

    def _forget(self, trace_id: UUID, waiter: asyncio.Future[Summary]) -> None:
        waiters = self._waiters.get(trace_id, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiters.pop(trace_id, None)

    async def run(self) -> None:
        """Listen until cancelled; raises redis errors when Redis goes away."""
        try:
            async for summaries in replies(self._redis, self.channel):
                if summaries is None:
                    self.listening.set()
                    continue
                self._deliver(summaries)
        finally:
            self.listening.clear()

    def _deliver(self, summaries: list[Summary]) -> None:
        for summary in summaries:
            for waiter in list(self._waiters.get(summary.trace_id, [])):
                if not waiter.done():
                    waiter.set_result(summary)
