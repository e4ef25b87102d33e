"""Making blocks of settled calls, by which a search for a text leaves out most calls."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from app.schemas.ids import first_id
from app.storage.access.projects import read_projects
from app.storage.engine import Engine
from app.storage.traces.text_blocks import add_blocks, forget_blocks
from app.supervision import Tasks

__all__ = ["TextBlocks"]

_EVERY_SECONDS = 60.0


class TextBlocks:
    """Makes the blocks of one database; of many workers, one at a time does so for a project."""

    def __init__(self, engine: Engine, *, retention_days: int) -> None:
        self._engine = engine
        self._longest = retention_days

    async def run(self, tasks: Tasks) -> None:
        """Repeat until cancelled; an error only skips a turn."""
        await tasks.repeat("text_blocks", lambda: self.turn(datetime.now(UTC)), _EVERY_SECONDS)

    async def turn(self, now: datetime) -> None:
        """Put calls that are settled at `now`, aware UTC, into blocks; forget expired blocks."""
        async with self._engine.connect() as connection:
            projects = await read_projects(connection)
        for project in projects:
            days = min(self._longest, project.settings.retention_days or self._longest)
            async with self._engine.begin() as connection:
                await forget_blocks(connection, project.project_id, first_id(now - timedelta(days=days)))
            more = True
            while more:
                begun = time.monotonic()
                async with self._engine.begin() as connection:
                    more = await add_blocks(connection, project.project_id, now)
                await asyncio.sleep(time.monotonic() - begun)  # leaves half of the time to others
