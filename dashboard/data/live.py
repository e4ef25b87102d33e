"""News for open pages: one listener per process, told to every browser over Dash's WebSocket.

A page is only told *that* something changed; it then asks for what it shows. A page whose WebSocket cannot
be opened (a proxy in between) still moves, at the pace of the frame's interval.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from dash import Dash, ctx, set_props
from redis.asyncio import Redis

from app.events import subscribe
from app.supervision import NEVER, repeat
from dashboard.auth.current_identity import shown_project

__all__ = ["NEWS", "News", "register_news"]

NEWS = "news"
_QUIET_SECONDS = 1.0  # between two messages to one browser: people read no faster
_CHECK_SECONDS = 5.0  # how long a closed connection may go unnoticed


class News:
    """How often something happened to a project in this process's life, and a way to wait for more."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._changed = asyncio.Condition()
        self._lost = 0
        self._revisions: Counter[str] = Counter()

    def revision(self, project_id: str | None) -> int:
        """Return how often there was news of a project (None: of any), or of the feed itself."""
        own = self._revisions.total() if project_id is None else self._revisions[project_id]
        return own + self._lost

    async def listen(self) -> None:
        """Count events until cancelled; raises redis errors when Redis goes away, which is news to every page."""
        try:
            async for event in subscribe(self._redis):
                await self._count(event.project_id)
        except Exception:
            await self._count()
            raise

    async def _count(self, project_id: str | None = None) -> None:
        async with self._changed:
            if project_id is None:
                self._lost += 1
            else:
                self._revisions[project_id] += 1
            self._changed.notify_all()

    async def after(self, revision: int, timeout: float, project_id: str | None = None) -> int:  # noqa: ASYNC109 a bound, not a failure
        """Return a project's revision as soon as it differs from `revision`, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: self.revision(project_id) != revision)
        except TimeoutError:
            pass
        return self.revision(project_id)


def register_news(dash: Dash, news: News) -> None:
    """Keep the `news` store of every open page at the newest revision, at most once a second.

    A page is told of the project of its session; where nobody signs in, of all.
    """

    @dash.callback(websocket=True, persistent=True)
    async def tell() -> None:
        socket = ctx.websocket
        project_id = shown_project(None)
        known = news.revision(project_id)

        async def look() -> float:
            nonlocal known
            if not socket or socket.is_shutdown:
                return NEVER
            revision = await news.after(known, _CHECK_SECONDS, project_id)
            if revision == known:
                return 0.0
            known = revision
            set_props(NEWS, {"data": revision})
            return _QUIET_SECONDS

        await repeat(look, _QUIET_SECONDS)
