"""The dependencies of handlers: the application's services, the caller and the project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Annotated

from fastapi import Depends
from redis.asyncio import Redis
from starlette.requests import HTTPConnection

from app.access.authenticator import Authenticator
from app.access.identity import Identity
from app.access.rates import Rates
from app.api.access import identity_behind
from app.api.body_threads import BodyThreads
from app.api.instruments import Instruments
from app.api.live_feed import Hub
from app.budgets.checking import Checking
from app.config import Settings
from app.exporting.turns import Exports
from app.guard import Guard
from app.ingest import Ingest
from app.privacy import Privacy
from app.projects import Projects
from app.reports.looks import Looks
from app.storage.engine import Connection, Engine, reading, writing
from app.storage.readers import Readers
from app.storage.rollups.folding import figures
from app.supervision import Tasks
from app.uploading.keeping import Uploads
from monitoring.clock import now_utc

__all__ = [
    "Caller",
    "Figures",
    "Project",
    "Reading",
    "Services",
    "Serving",
    "Writing",
    "current_project",
    "services",
]


@dataclass
class Services:
    """Everything that a handler may use.

    `stopping` turns true when this process was told to end.
    """

    settings: Settings
    redis: Redis
    engine: Engine
    projects: Projects
    authenticator: Authenticator
    rates: Rates
    privacy: Privacy
    guard: Guard
    ingest: Ingest
    hub: Hub
    instruments: Instruments
    tasks: Tasks
    bodies: BodyThreads
    checking: Checking
    clock: Callable[[], datetime] = now_utc
    readers: Readers = field(default_factory=Readers)
    exports: Exports = field(default_factory=Exports)
    uploads: Uploads = field(default_factory=Uploads)
    looks: Looks = field(default_factory=lambda: Looks(monotonic))
    stopping: bool = field(default=False)


async def services(connection: HTTPConnection) -> Services:
    """Return the services of the running application."""
    found: Services = connection.app.state.services
    return found


async def current_caller(connection: HTTPConnection) -> Identity:
    """Return who sent a request."""
    return identity_behind(connection)


async def current_project(connection: HTTPConnection) -> str:
    """Return the project of a request, which is the project of its key."""
    return identity_behind(connection).project_id


Serving = Annotated[Services, Depends(services)]
Caller = Annotated[Identity, Depends(current_caller)]
Project = Annotated[str, Depends(current_project)]


async def _reading(serving: Serving, project: Project) -> AsyncIterator[Connection]:
    async with serving.readers.admit(project), reading(serving.engine) as connection:
        yield connection


async def _figures(serving: Serving, project: Project) -> AsyncIterator[Connection]:
    async with serving.readers.admit(project), figures(serving.engine, project) as connection:
        yield connection


async def _writing(serving: Serving) -> AsyncIterator[Connection]:
    async with writing(serving.engine) as connection:
        yield connection


Figures = Annotated[Connection, Depends(_figures, scope="function")]
Reading = Annotated[Connection, Depends(_reading, scope="function")]
Writing = Annotated[Connection, Depends(_writing, scope="function")]
