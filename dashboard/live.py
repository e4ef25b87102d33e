"""News for open pages: one listener per process, told to every browser over Dash's WebSocket.

A page is only told *that* something changed; it then asks for what it shows. A page whose WebSocket cannot
be opened (a proxy in between) still moves, at the pace of the frame's interval.
"""

from __future__ import annotations

import asyncio

import structlog
from dash import Dash, ctx, set_props
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.events import subscribe

__all__ = ["NEWS", "News", "register_news"]

NEWS = "news"
_QUIET_SECONDS = 1.0  # between two messages to one browser: people read no faster
_RETRY_SECONDS = 1.0
_CHECK_SECONDS = 5.0  # how long a closed connection may go unnoticed

_log = structlog.get_logger(__name__)


class News:
    """How often something happened in this process's life, and a way to wait for more."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._changed = asyncio.Condition()
        self.revision = 0

    async def listen(self) -> None:
        """Count events until cancelled; while Redis is away, try again every second."""
        away = False
        while True:
            try:
                async for _ in subscribe(self._redis):
                    away = False
                    await self._count()
            except (RedisError, OSError) as error:
                if not away:
                    _log.warning("live_feed_lost", error=type(error).__name__)
                away = True
                await self._count()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _count(self) -> None:
        async with self._changed:
            self.revision += 1
            self._changed.notify_all()

    async def after(self, revision: int, timeout: float) -> int:  # noqa: ASYNC109 a bound, not a failure
        """Return the revision as soon as it differs from `revision`, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: self.revision != revision)
        except TimeoutError:
            pass
        return self.revision


def register_news(dash: Dash, news: News) -> None:
    """Keep the `news` store of every open page at the newest revision, at most once a second."""

    @dash.callback(websocket=True, persistent=True)
    async def tell() -> None:
        socket = ctx.websocket
        known = news.revision
        while socket and not socket.is_shutdown:
            revision = await news.after(known, _CHECK_SECONDS)
            if revision != known:
                known = revision
                set_props(NEWS, {"data": revision})
                await asyncio.sleep(_QUIET_SECONDS)
