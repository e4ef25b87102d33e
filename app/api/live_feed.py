"""The live feed: one Redis subscription per process, and any number of clients.

A client holds at most one waiting frame of each type, the latest one (for `job` and `alert`, one of
each job or rule). So a client that never reads costs almost nothing and delays nobody. Figures are
read at most once a second, and only while there is news and a client to send it to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from app.access.watchers import Watchers
from app.events import Event, subscribe
from app.schemas.json_output import encode_json
from app.supervision import Tasks, in_background

__all__ = ["Client", "Figures", "Hub"]

Figures = Callable[[str], Awaitable[Mapping[str, Any]]]

_SHOWN_TRACES = 20
_MOST_FRAMES = 64
# The fields that tell what a frame is about. An alert is of a rule or of a budget.
_OF_ONE = {"job": ("job_id",), "alert": ("rule_id", "alert_id")}
_MOST_WATCHERS = 512  # of one project
_PAUSE_SECONDS = 1.0
# Reading figures may take at most a tenth of the time.
_PAUSE_FACTOR = 9


class Client:
    """The frames that one watcher was not sent yet: the latest of each type."""

    def __init__(self, project_id: str) -> None:
        self.project_id = project_id
        self._waiting: dict[tuple[Any, ...], Any] = {}
        self._news = asyncio.Event()

    def offer(self, kind: str, data: Any) -> None:
        """Replace the waiting frame of this type, or of this job, alert rule or budget.

        Frames of traces are joined instead, and the newest twenty traces are kept.
        """
        slot = kind, *map(data.get, _OF_ONE.get(kind, ()))
        if kind == "trace" and slot in self._waiting:
            data = _join(self._waiting[slot], data)
        self._waiting.pop(slot, None)
        self._waiting[slot] = data
        if len(self._waiting) > _MOST_FRAMES:  # drop that of what was silent longest
            del self._waiting[next(slot for slot in self._waiting if slot[0] in _OF_ONE)]
        self._news.set()

    async def frames(self) -> AsyncIterator[str]:
        """Yield text frames as they come."""
        while True:
            await self._news.wait()
            self._news.clear()
            waiting, self._waiting = self._waiting, {}
            for (kind, *_), data in waiting.items():
                yield encode_json({"type": kind, "data": data}).decode()


def _join(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    traces = [*earlier.get("traces", ()), *later.get("traces", ())][-_SHOWN_TRACES:]
    records = earlier.get("records", 0) + later.get("records", 0)
    return {**later, "traces": traces, "records": records}


class Hub:
    """Sends clients events, and figures: `figures` reads those of a project as frames by type."""

    def __init__(self, redis: Redis, figures: Figures) -> None:
        self._redis = redis
        self._figures = figures
        self._clients: set[Client] = set()
        self._busy: set[str] = set()
        self._news = asyncio.Event()
        self.watchers = Watchers(_MOST_WATCHERS)

    @asynccontextmanager
    async def running(self, tasks: Tasks | None = None) -> AsyncIterator[Hub]:
        """Listen during the block."""
        tasks = tasks or Tasks()
        figures = tasks.repeat("live_figures", self._refresh, _PAUSE_SECONDS, longest=_PAUSE_SECONDS)
        async with in_background(tasks.keep("live_feed", self._listen), figures):
            yield self

    @asynccontextmanager
    async def watching(self, project_id: str) -> AsyncIterator[Client]:
        """Give a client everything that happens during the block.

        It begins with the current figures.
        """
        client = Client(project_id)
        self._clients.add(client)
        self._stir(project_id)
        try:
            yield client
        finally:
            self._clients.discard(client)

    async def _listen(self) -> None:
        async for event in subscribe(self._redis):
            self.tell(event)

    def tell(self, event: Event) -> None:
        """Offer an event to every client of its project."""
        told = [client for client in self._clients if client.project_id == event.project_id]
        for client in told:
            client.offer(event.type, event.data)
        if told and event.type in {"trace", "job"}:
            self._stir(event.project_id)

    def _stir(self, project_id: str) -> None:
        self._busy.add(project_id)
        self._news.set()

    async def _refresh(self) -> float:
        """Send the figures of projects with news; returns the seconds until the next time.

        Where figures could not be read, they are read again later, and the other projects get
        theirs. Raises the last error.
        """
        await self._news.wait()
        self._news.clear()
        busy, self._busy = self._busy, set()
        begun = time.monotonic()
        failure = None
        for project_id in busy & {client.project_id for client in self._clients}:
            try:
                await self._tell_figures(project_id)
            except Exception as error:  # noqa: BLE001 after any error, the other projects get theirs
                error.add_note(f"while the live figures of project {project_id} were read")
                failure = error
                self._stir(project_id)
        pause = max(_PAUSE_SECONDS, (time.monotonic() - begun) * _PAUSE_FACTOR)
        if failure is not None:
            await asyncio.sleep(pause - _PAUSE_SECONDS)
            raise failure
        return pause

    async def _tell_figures(self, project_id: str) -> None:
        figures = await self._figures(project_id)
        for client in self._clients:
            if client.project_id == project_id:
                for kind, data in figures.items():
                    client.offer(kind, data)
