"""Letting go of what is older than its project keeps it, in batches that leave room for records that arrive.

Days that no project keeps are dropped whole (workers.upkeep.tasks). This is for what is left: projects that keep
traces for a shorter time, and what is kept beside traces.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.schemas.ids import first_id
from app.storage.access.projects import read_projects
from app.storage.engine import Engine
from app.storage.locks import RETENTION, try_lock
from app.storage.upkeep.reclaim import reclaim
from app.storage.upkeep.retention import EXPIRING, delete_expired
from app.supervision import Tasks

__all__ = ["Retention"]

_EVERY_SECONDS = 600
_BATCH = 1000
_BEGINNING = UUID(int=0)


class Retention:
    """Deletes expired rows of one database; of many replicas one at a time acts."""

    def __init__(self, engine: Engine, *, retention_days: int) -> None:
        self._engine = engine
        self._longest = retention_days

    async def run(self, tasks: Tasks) -> None:
        """Repeat until cancelled; whatever goes wrong only skips a turn."""
        await tasks.repeat("retention", lambda: self.turn(datetime.now(UTC)), _EVERY_SECONDS)

    async def turn(self, now: datetime) -> None:
        """Delete everything that has expired at `now`, aware UTC, and give its disk back."""
        async with self._engine.connect() as connection:
            projects = await read_projects(connection)
        for project in projects:
            days = min(self._longest, project.settings.retention_days or self._longest)
            before = first_id(now - timedelta(days=days))
            for table in EXPIRING:
                await self._empty(table, project.project_id, before)
        await reclaim(self._engine)

    async def _empty(self, table: str, project_id: str, before: UUID) -> None:
        after: UUID | None = _BEGINNING
        while after is not None:
            begun = time.monotonic()
            async with self._engine.begin() as connection:
                if not await try_lock(connection, RETENTION):
                    return
                after = await delete_expired(
                    connection, table, project_id, after=after, before=before, most=_BATCH
                )
            await asyncio.sleep(time.monotonic() - begun)  # half of the time belongs to others
