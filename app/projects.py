"""The projects as one process knows them: read from Postgres every other second, looked up from memory."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import NotFound, Unavailable
from app.schemas.projects import BacklogLimits, Project, ProjectSettings
from app.storage.access.projects import read_projects
from app.storage.engine import Engine, reading
from app.supervision import Tasks

__all__ = ["Projects"]

_REFRESH_SECONDS = 2.0
_MIRROR_KEY = "llm-monitor:projects"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Project]).decode


class Projects:
    """Looks projects up without asking Postgres; what one process changes, all know within two seconds.

    While Postgres is away the last reading holds, so that records are still taken. With `redis` that is the
    last reading of any process: one that starts meanwhile knows it too.
    """

    def __init__(self, engine: Engine, redis: Redis | None = None) -> None:
        self._engine = engine
        self._redis = redis
        self._known: dict[str, Project] = {}
        self._limited: tuple[dict[str, Project], dict[str, BacklogLimits]] = ({}, {})  # of which reading
        self._mirrored: list[Project] = []

    async def find(self, project_id: str) -> ProjectSettings:
        """Return the settings of a project.

        Raises NotFound when there is none, Unavailable when it is not known yet and Postgres is away.
        """
        project = self._known.get(project_id)
        if project is None:
            await self._learn()
            project = self._known.get(project_id)
        if project is None:
            raise NotFound(f"There is no project {project_id}.")
        return project.settings

    def backlog_limits(self) -> dict[str, BacklogLimits]:
        """Return the limits of the projects that have any, as they were last read."""
        if self._limited[0] is not self._known:
            limits = ((name, project.settings.backlog) for name, project in self._known.items())
            self._limited = self._known, {name: one for name, one in limits if one != BacklogLimits()}
        return self._limited[1]

    def are_several(self) -> bool:
        """Tell whether there was more than one project at the last reading."""
        return len(self._known) > 1

    async def _learn(self) -> None:
        """Read the projects from Postgres, or what was last read of them; raises Unavailable."""
        try:
            await self.refresh()
        except Unavailable:
            if self._known or self._redis is None:
                raise
            with suppress(RedisError, OSError):
                if mirrored := await self._redis.get(_MIRROR_KEY):
                    self._known = {project.project_id: project for project in _decode(mirrored)}
            if not self._known:
                raise

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
        if self._redis is not None and self._mirrored != found:
            with suppress(RedisError, OSError):
                await self._redis.set(_MIRROR_KEY, _encode(found))
                self._mirrored = found

    async def run(self, tasks: Tasks) -> None:
        """Keep the reading fresh until cancelled; whatever goes wrong only skips a turn."""
        await tasks.repeat("projects", self.refresh, _REFRESH_SECONDS, longest=_REFRESH_SECONDS)
