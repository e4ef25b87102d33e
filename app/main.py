"""The HTTP application, which is made from settings. Nothing is done at import."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from redis.asyncio import BlockingConnectionPool, Redis
from starlette.types import ASGIApp

from app.access.authenticator import Authenticator
from app.access.keyring import Keyring
from app.access.rates import Rates
from app.access.sessions import Sessions
from app.api import documentation, openapi, problems
from app.api.access import authorize, check_access
from app.api.access_middleware import AccessMiddleware
from app.api.body_threads import BodyThreads
from app.api.dependencies import Services
from app.api.direct import Application
from app.api.instruments import Instruments, RequestTimer
from app.api.live_feed import Hub
from app.api.live_figures import live_figures
from app.api.parameters import parameter_check
from app.api.routes import ROUTERS
from app.api.routes.budgets import check_directly
from app.api.routes.inference import post_inference
from app.api.shutdown import shutdown_noticed
from app.api.version import VERSION
from app.budgets.checking import Checking
from app.config import Settings, load_settings
from app.errors import StartupError
from app.guard import GUARD_TASK, Guard
from app.ingest import Ingest
from app.privacy import Privacy
from app.projects import Projects
from app.serving.headers import SecurityHeaders
from app.serving.proxies import behind_proxies
from app.storage.engine import Engine, create_engine
from app.supervision import Tasks, in_background
from app.task_reports import REPORT_SECONDS, process_name, report_tasks
from app.telemetry import configure_logging
from monitoring.clock import now_utc

__all__ = ["create_app", "create_app_from_env", "open_redis"]

logger = logging.getLogger(__name__)

_BOUNDS = "app.serving.connections"  # uvicorn loads it where it is configured to
_CONNECTION = f"{_BOUNDS}:BoundedConnection"
_DESCRIPTION = "Scores every LLM call for quality and safety. Errors are problem+json (RFC 9457)."
_REDIS_CONNECTIONS = 64
_NAME = "llm-monitor-api"
_READERS, _STANDING = 8, 2
_AGAIN_SECONDS = 2.0
_GARBAGE_THRESHOLD = 10_000
# The API answers with data. Only the page of its documentation runs scripts.
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
# A computing thread yields to the event loop after this time. With Python's default of 5 ms, each
# system call of the event loop may wait that long, so every request suffers while bodies and texts
# are read in threads: p99 1,127 ms instead of 144.
_SWITCH_SECONDS = 0.0005
_READ_HEADERS = ("ETag", "Location", "Preference-Applied", "Retry-After", "Settings-Dropped")


def create_app_from_env() -> ASGIApp:
    """Return the application as the environment configures it, for uvicorn's --factory.

    uvicorn needs the options `--http app.serving.connections:BoundedConnection --no-proxy-headers`.
    """
    settings = load_settings()
    configure_logging(settings.log_level, process="api")
    if _BOUNDS not in sys.modules:
        logger.warning("heads and connections have no limits: start uvicorn with --http %s", _CONNECTION)
    app = create_app(settings, warm_guard=True)
    _keep_what_is_there()
    gc.set_threshold(_GARBAGE_THRESHOLD)
    sys.setswitchinterval(_SWITCH_SECONDS)
    proxied: ASGIApp = behind_proxies(app, settings.proxies)
    return proxied


def _keep_what_is_there() -> None:
    # These objects stay. Without the freeze, every full collection would examine all of them again.
    gc.collect()
    gc.freeze()


def create_app(settings: Settings, *, warm_guard: bool = False) -> Application:
    """Return the application. It connects to its servers when it starts, not here.

    With `warm_guard` it is ready when the guard has judged a sample. Without it, the guard's first
    text waits for the evaluators. Raises StartupError when the settings name no servers.
    """
    _addresses(settings)
    instruments = Instruments()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings, instruments, warm_guard=warm_guard) as services:
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
    _add_middleware(app, settings, instruments)
    check_access(ROUTERS)
    for router in ROUTERS:
        app.include_router(router)
    for path, endpoint in (
        ("/monitor/inference", post_inference),
        ("/budgets/{budget_id}/check", check_directly),
    ):
        app.answer_directly(path, endpoint, policy=_POLICY, instruments=instruments)
    problems.install(app)
    openapi.install(app)
    documentation.install(app)
    return app


def _add_middleware(app: Application, settings: Settings, instruments: Instruments) -> None:
    """Add the middleware that every request passes, from the inside out."""
    app.add_middleware(AccessMiddleware)
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


def _addresses(settings: Settings) -> tuple[str, str]:
    if settings.database_url is None or settings.redis_url is None:
        raise StartupError(
            "DATABASE_URL and REDIS_URL are not set: set both, or start the whole stack with python main.py"
        )
    return settings.database_url, settings.redis_url


def open_redis(url: str) -> Redis:
    """Return a client that waits only seconds for a connection and for an answer."""
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
async def _reading_projects(engine: Engine, redis: Redis, tasks: Tasks) -> AsyncIterator[Projects]:
    projects = Projects(engine, redis)
    async with in_background(projects.run(tasks)):
        yield projects


async def _tell(redis: Redis, tasks: Tasks) -> None:
    await report_tasks(redis, process_name("api"), tasks.states(), int(now_utc().timestamp() * 1000))


@asynccontextmanager
async def _reading_keys(
    engine: Engine, redis: Redis, tasks: Tasks
) -> AsyncIterator[tuple[Keyring, Sessions]]:
    keyring = Keyring(engine, now_utc)
    sessions = Sessions(redis, keyring, now_utc)
    async with in_background(keyring.run(tasks, sessions.forget)):
        yield keyring, sessions


def _warming(guard: Guard) -> Callable[[], Awaitable[float]]:
    async def warm() -> float:
        was_loaded = guard.is_loaded
        seconds = await guard.warm()
        if not was_loaded:
            _keep_what_is_there()
        return seconds

    return warm


@asynccontextmanager
async def _open_engines(database_url: str) -> AsyncIterator[tuple[Engine, Engine]]:
    """Open one engine for readers, and one for reading keys while every reader is busy."""
    readers = create_engine(database_url, pool_size=_READERS, application=_NAME, waited_for=True)
    standing = create_engine(database_url, pool_size=_STANDING, application=_NAME, waited_for=True)
    try:
        yield readers, standing
    finally:
        await readers.dispose()
        await standing.dispose()


@asynccontextmanager
async def open_services(
    settings: Settings, instruments: Instruments, *, warm_guard: bool
) -> AsyncIterator[Services]:
    """Open everything that handlers use, during the block; the servers may be away meanwhile."""
    database_url, redis_url = _addresses(settings)
    tasks, privacy = Tasks(), Privacy(settings.secret_key)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        engine, standing = await enter(_open_engines(database_url))
        guard = stack.enter_context(closing(Guard(settings, privacy)))
        bodies = stack.enter_context(closing(BodyThreads()))
        redis = await enter(open_redis(redis_url))
        projects = await enter(_reading_projects(standing, redis, tasks))
        ingesting = Ingest(redis, settings, projects, privacy, count_mark=instruments.count_mark)
        ingest = await enter(ingesting.running(tasks))
        hub = await enter(Hub(redis, live_figures(engine, redis, now_utc)).running(tasks))
        keyring, sessions = await enter(_reading_keys(standing, redis, tasks))
        await enter(in_background(tasks.repeat("heartbeat", lambda: _tell(redis, tasks), REPORT_SECONDS)))
        if warm_guard:
            await enter(in_background(tasks.repeat(GUARD_TASK, _warming(guard), _AGAIN_SECONDS)))
        rates, authenticator = Rates(redis), Authenticator(settings, keyring, sessions)
        # fmt: off
        services = Services(
            settings, redis, engine, projects, authenticator, rates, privacy, guard, ingest, hub, instruments,
            tasks, bodies, Checking(engine, redis, now_utc),
        )
        # fmt: on

        def notice() -> None:
            services.stopping = True

        stack.enter_context(shutdown_noticed(notice))
        yield services
