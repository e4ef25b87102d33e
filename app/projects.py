"""The projects as one process knows them: read from Postgres every other second, looked up from memory."""

from __future__ import annotations

import asyncio
import logging

from app.errors import NotFound, Unavailable
from app.schemas.projects import BacklogLimits, Project, ProjectSettings
from app.storage.engine import Engine, reading
from app.storage.projects import read_projects

__all__ = ["Projects"]

logger = logging.getLogger(__name__)

_REFRESH_SECONDS = 2.0


class Projects:
    """Looks projects up without asking Postgres; what one process changes, all know within two seconds.

    While Postgres is away the last reading holds, so that records are still taken.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, Project] = {}

    async def find(self, project_id: str) -> ProjectSettings:
        """Return the settings of a project.

        Raises NotFound when there is none, Unavailable when it is not known yet and Postgres is away.
        """
        project = self._known.get(project_id)
        if project is None:
            await self.refresh()
            project = self._known.get(project_id)
        if project is None:
            raise NotFound(f"There is no project {project_id}.")
        return project.settings

    def backlog_limits(self) -> dict[str, BacklogLimits]:
        """Return the limits of the projects that have any, as they were last read."""
        limits = ((name, project.settings.backlog) for name, project in self._known.items())
        return {name: limit for name, limit in limits if limit != BacklogLimits()}

    async def refresh(self) -> None:
        """Read every project; raises Unavailable. An unchanged project keeps its objects."""
        async with reading(self._engine) as connection:
            found = await read_projects(connection)
        known = self._known
        self._known = {
            project.project_id: known[project.project_id]
            if known.get(project.project_id) == project
            else project
            for project in found
        }

    async def run(self) -> None:
        """Keep the reading fresh until cancelled; an outage of Postgres only skips a turn."""
        while True:
            try:
                await self.refresh()
            except Unavailable:
                pass
            except Exception:
                logger.exception("the projects could not be read")
            await asyncio.sleep(_REFRESH_SECONDS)
