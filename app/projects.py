"""The projects as one process knows them.

They are read from Postgres every other second and looked up in memory.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import NotFound, Unavailable
from app.schemas.projects import BacklogLimits, Project, ProjectSettings
from app.storage.access.price_tables import read_price_tables, read_price_versions
from app.storage.access.projects import read_projects
from app.storage.engine import Connection, Engine, reading
from app.supervision import Tasks
from monitoring.spending.own_prices import OwnPrices, parse_prices

__all__ = ["Projects"]

_REFRESH_SECONDS = 2.0
_MIRROR_KEY = "llm-monitor:projects"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Project]).decode


class Projects:
    """Looks projects up without asking Postgres. All processes know a change within two seconds.

    While Postgres is away the last reading holds, so that records are still accepted. With `redis`,
    it is the last reading of any process, so that a process that starts meanwhile knows it too.
    """

    def __init__(self, engine: Engine, redis: Redis | None = None) -> None:
        self._engine = engine
        self._redis = redis
        self._known: dict[str, Project] = {}
        self._limited: tuple[dict[str, Project], dict[str, BacklogLimits]] = (
            {},
            {},
        )  # the reading that the limits belong to
        self._mirrored: list[Project] = []
        self._prices: dict[str, tuple[int, OwnPrices]] = {}  # with the version of the table

    async def find(self, project_id: str) -> ProjectSettings:
        """Return the settings of a project.

        Raises NotFound when there is none, Unavailable when it is unknown while Postgres is away.
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

    def prices_of(self, project_id: str) -> OwnPrices | None:
        """Return the own prices of a project at the last reading, None where it has none."""
        found = self._prices.get(project_id)
        return None if found is None else found[1]

    def are_several(self) -> bool:
        """Tell whether there was more than one project at the last reading."""
        return len(self._known) > 1

    async def _learn(self) -> None:
        """Read the projects from Postgres, or the last reading of them; raises Unavailable."""
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
            self._prices = await self._read_prices(connection)
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

    async def _read_prices(self, connection: Connection) -> dict[str, tuple[int, OwnPrices]]:
        """Return the own prices of all projects; only tables that changed are read again."""
        versions = await read_price_versions(connection)
        known = {name: self._prices[name] for name in versions.keys() & self._prices.keys()}
        changed = [
            name for name, version in versions.items() if name not in known or known[name][0] != version
        ]
        if not changed:
            return known
        found = await read_price_tables(connection, changed)
        return known | {name: (one.version, parse_prices(one.content)) for name, one in found.items()}

    async def run(self, tasks: Tasks) -> None:
        """Read the projects again and again until cancelled. An error only skips one reading."""
        await tasks.repeat("projects", self.refresh, _REFRESH_SECONDS, longest=_REFRESH_SECONDS)
