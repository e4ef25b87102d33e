"""The HTTP application: made from settings, with nothing done at import."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from redis.asyncio import BlockingConnectionPool, Redis

from app.access.door import Door
from app.access.keyring import Keyring
from app.access.rates import Rates
from app.access.sessions import Sessions
from app.api import documentation, openapi, problems
from app.api.access import authorize, check_access
from app.api.dependencies import Services, now_utc
from app.api.direct import Application
from app.api.gate import Gate
from app.api.headers import SecurityHeaders
from app.api.instruments import Instruments, RequestTimer
from app.api.live_feed import Hub
from app.api.live_figures import live_figures
from app.api.parameters import parameter_check
from app.api.routes import ROUTERS
from app.api.shutdown import shutdown_noticed
from app.api.version import VERSION
from app.config import Settings, load_settings
from app.errors import StartupError
from app.guard import Guard
from app.ingest import Ingest
from app.ingest.background import in_background
from app.privacy import Privacy
from app.projects import Projects
from app.storage.engine import Engine, create_engine
from app.telemetry import configure_logging

__all__ = ["create_app", "create_app_from_env", "open_redis"]

_DESCRIPTION = "Scores every LLM call for quality and safety. Errors are problem+json (RFC 9457)."
_REDIS_CONNECTIONS = 64
_READERS = 8
_GARBAGE_THRESHOLD = 10_000
_BUSY_PATHS = ("/monitor/inference",)
# The API answers with data; only the page of its documentation runs anything.
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_SENT_HEADERS = (
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "Prefer",
    "X-API-Key",
)
_READ_HEADERS = ("ETag", "Location", "Preference-Applied", "Retry-After", "Settings-Dropped")


def create_app_from_env() -> Application:
    """Return the application as the environment configures it; what uvicorn's --factory calls."""
    settings = load_settings()
    configure_logging(settings.log_level, process="api")
    app = create_app(settings)
    # What is there now stays; every full collection would look at all of it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)
    return app


def create_app(settings: Settings) -> Application:
    """Return the application; its servers are reached when it starts, not here.

    Raises StartupError when the settings name no servers.
    """
    _addresses(settings)
    instruments = Instruments()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings, instruments) as services:
            app.state.services = services
            yield

    app = Application(
        title="LLM Monitor",
        version=VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        dependencies=[Depends(authorize), Depends(parameter_check(ROUTERS))],
    )
    app.add_middleware(Gate)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_SENT_HEADERS,
            expose_headers=_READ_HEADERS,
        )
    app.add_middleware(SecurityHeaders, policy=_POLICY, pages=("/docs",))
    app.add_middleware(RequestTimer, instruments=instruments)
    check_access(ROUTERS)
    for router in ROUTERS:
        app.include_router(router)
    app.answer_directly(*_BUSY_PATHS, policy=_POLICY, instruments=instruments)
    problems.install(app)
    openapi.install(app)
    documentation.install(app)
    return app


def _addresses(settings: Settings) -> tuple[str, str]:
    if settings.database_url is None or settings.redis_url is None:
        raise StartupError(
            "DATABASE_URL and REDIS_URL are not set: set both, or start the whole stack with python main.py"
        )
    return settings.database_url, settings.redis_url


def open_redis(url: str) -> Redis:
    """Return a client that waits at most seconds for a connection and for an answer."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_REDIS_CONNECTIONS,
        timeout=5,
        socket_connect_timeout=2,
        socket_timeout=5,
        health_check_interval=15,
    )
    return Redis.from_pool(pool)


@asynccontextmanager
async def _reading_projects(engine: Engine, redis: Redis) -> AsyncIterator[Projects]:
    projects = Projects(engine, redis)
    async with in_background(projects.run()):
        yield projects


@asynccontextmanager
async def open_services(settings: Settings, instruments: Instruments) -> AsyncIterator[Services]:
    """Open everything handlers use, for the length of the block; the servers may be away meanwhile."""
    database_url, redis_url = _addresses(settings)
    engine = create_engine(database_url, pool_size=_READERS, application="llm-monitor-api", waited_for=True)
    # Of its own, so that who may come in and what projects want is known while every reader waits.
    standing = create_engine(database_url, pool_size=2, application="llm-monitor-api", waited_for=True)
    keyring = Keyring(standing, now_utc)
    privacy = Privacy(settings.secret_key)
    guard = Guard(settings, privacy)
    try:
        async with (
            open_redis(redis_url) as redis,
            _reading_projects(standing, redis) as projects,
            Ingest(redis, settings, projects, privacy).running() as ingest,
            Hub(redis, live_figures(engine, redis, now_utc)).running() as hub,
            in_background(keyring.run()),
        ):
            rates, door = Rates(redis), Door(settings, keyring, Sessions(redis, keyring, now_utc))
            services = Services(
                settings, redis, engine, projects, door, rates, privacy, guard, ingest, hub, instruments
            )

            def notice() -> None:
                services.stopping = True

            with shutdown_noticed(notice):
                yield services
    finally:
        guard.close()
        await engine.dispose()
        await standing.dispose()
