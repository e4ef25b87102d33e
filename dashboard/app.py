"""The dashboard's process: Dash on FastAPI, which reads the database and the live feed."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
import uvicorn
from dash import Dash
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from redis.asyncio import Redis

from app.access.authenticator import Authenticator
from app.access.keyring import Keyring
from app.access.sessions import Sessions
from app.access.visitors import Visitors
from app.config import Settings, load_settings
from app.errors import MonitorError, StartupError
from app.privacy import Privacy
from app.serving.connections import BoundedConnection
from app.serving.headers import SecurityHeaders
from app.serving.proxies import behind_proxies
from app.storage.engine import Engine, create_engine
from app.supervision import Tasks, in_background
from app.task_reports import REPORT_SECONDS, process_name, report_tasks
from app.telemetry import configure_logging
from dashboard.auth.login import sign_in_router
from dashboard.auth.middleware import SignInMiddleware
from dashboard.callbacks import CallbackCheck
from dashboard.data.changes import Changes
from dashboard.data.known_values import KnownValues
from dashboard.data.live import News, register_news
from dashboard.data.queries import Queries
from dashboard.data.sources import Sources
from dashboard.dataset_making import register_adding
from dashboard.downloads import downloads_router
from dashboard.drawing.drawer import register_drawer
from dashboard.drawing.frame import URL, frame, register_frame, report_failure
from dashboard.drawing.health import HealthReader
from dashboard.drawing.views_menu import register_views_menu
from dashboard.label_changes import register_label_changes
from dashboard.old_addresses import OldAddresses
from dashboard.page import Page, find_pages
from dashboard.uploads import uploads_router
from monitoring.clock import now_utc

__all__ = ["create_dashboard", "main"]

_HERE = Path(__file__).parent
_API_SECONDS = 4.5  # slightly less than the interval between two requests
_REDIS_SECONDS = 2.0
# Dash needs inline and evaluated scripts. No other site may frame its pages or receive its forms.
_POLICY = "frame-ancestors 'none'; form-action 'self'; base-uri 'self'; object-src 'none'"
_READERS = 8
_SMALLEST_BYTES = 500
_COMPRESSION = 4  # of 9: for 4.8 MB of chart script twice as fast as the slowest, 4 % larger
_HEAD = '<meta name="color-scheme" content="light dark"><link rel="icon" href="/assets/icons/favicon.svg">'


def create_dashboard(settings: Settings, *, api: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """Build the dashboard as an ASGI application; it opens no connection before it serves.

    `api` is a transport to the API, used in place of its address. Raises StartupError if no
    database or Redis address is set.
    """
    if not settings.database_url or not settings.redis_url:
        raise StartupError(
            "the dashboard needs DATABASE_URL and REDIS_URL: start it with python main.py --dashboard-only, "
            "or set both"
        )
    clients = _create_clients(settings.database_url, settings.redis_url, settings.api_url, api)
    news, tasks = News(clients.feed), Tasks()
    keyring = Keyring(clients.standing, now_utc)
    authenticator = Authenticator(settings, keyring, Sessions(clients.redis, keyring, now_utc))

    server = FastAPI(lifespan=_lifespan(clients, news, keyring, tasks), openapi_url=None)
    # This comes before Dash, which answers all other addresses.
    server.include_router(sign_in_router(clients.api, Visitors(clients.redis)))
    server.include_router(downloads_router(clients.api))
    server.include_router(uploads_router(Changes(clients.api)))
    dash = _create_dash(server)
    server.add_middleware(CallbackCheck, dash=dash)
    server.add_middleware(OldAddresses)
    server.add_middleware(GZipMiddleware, minimum_size=_SMALLEST_BYTES, compresslevel=_COMPRESSION)
    server.add_middleware(SignInMiddleware, authenticator=authenticator, settings=settings)
    server.add_middleware(SecurityHeaders, policy=_POLICY)
    pages = find_pages()
    dash.layout = frame(settings, pages)
    queries = Queries(clients.engine, clients.redis, Privacy(settings.secret_key), api_url=settings.api_url)
    _register_callbacks(dash, pages, queries, news, clients.api)
    # Dash does this before its first answer at / alone. Other pages would come without assets.
    dash._setup_server()  # type: ignore[no-untyped-call]  # noqa: SLF001 no public method does it
    return cast("FastAPI", dash.server)


def _lifespan(
    clients: _Clients, news: News, keyring: Keyring, tasks: Tasks
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return what runs beside the server: news, keys, and the report of both."""

    async def tell() -> None:
        moment = int(now_utc().timestamp() * 1000)
        await report_tasks(clients.redis, process_name("dashboard"), tasks.states(), moment)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            async with in_background(
                tasks.keep("news", news.listen),
                keyring.run(tasks),
                tasks.repeat("heartbeat", tell, REPORT_SECONDS),
            ):
                yield
        finally:
            await clients.close()

    return lifespan


class _Clients(NamedTuple):
    """The connections of the dashboard's process; they open when they are first used."""

    engine: Engine
    # Keys are read with an engine of their own, so that signing in works while all readers wait.
    standing: Engine
    redis: Redis
    # A subscription is silent as long as nothing happens, so reading from it has no timeout.
    feed: Redis
    api: httpx.AsyncClient

    async def close(self) -> None:
        await self.api.aclose()
        await self.redis.aclose()
        await self.feed.aclose()
        await self.engine.dispose()
        await self.standing.dispose()


def _create_clients(
    database_url: str, redis_url: str, api_url: str, api: httpx.AsyncBaseTransport | None
) -> _Clients:
    name = "llm-monitor-dashboard"
    return _Clients(
        engine=create_engine(database_url, pool_size=_READERS, application=name, waited_for=True),
        standing=create_engine(database_url, pool_size=1, application=name, waited_for=True),
        redis=Redis.from_url(redis_url, socket_connect_timeout=_REDIS_SECONDS, socket_timeout=_REDIS_SECONDS),
        feed=Redis.from_url(redis_url, socket_connect_timeout=_REDIS_SECONDS, health_check_interval=15),
        api=httpx.AsyncClient(base_url=api_url, timeout=_API_SECONDS, transport=api),
    )


def _register_callbacks(
    dash: Dash, pages: Sequence[Page], queries: Queries, news: News, api: httpx.AsyncClient
) -> None:
    sources = Sources(queries, Changes(api))
    register_frame(dash, pages, HealthReader(api), KnownValues(queries))
    register_news(dash, news)
    register_drawer(dash, queries, URL)
    register_label_changes(dash, sources, URL)
    register_adding(dash, sources, URL)
    register_views_menu(dash, URL, sources)
    for page in pages:
        page.register(dash, sources)


def _create_dash(server: Any) -> Dash:
    dash = Dash(
        __name__,
        server=server,
        assets_folder=str(_HERE / "assets"),
        use_pages=False,
        serve_locally=True,
        compress=False,  # Dash itself compresses at the slowest level
        suppress_callback_exceptions=True,  # callbacks of a page exist before its layout
        title="LLM Monitor",
        update_title="",
        add_log_handler=False,
        on_error=report_failure,
        enable_mcp=False,
        websocket_inactivity_timeout=0,  # nobody may touch a wall screen for days
    )
    page = dash.index_string.replace("{%favicon%}", _HEAD)
    dash.index_string = page.replace("<html>", '<html lang="en">')
    return dash


def main() -> int:
    """Serve the dashboard until SIGINT or SIGTERM; returns the exit status."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, process="dashboard")
        dashboard = create_dashboard(settings)
    except MonitorError as error:
        sys.stderr.write(f"llm-monitor: {error.detail}\n")
        return 2
    uvicorn.run(
        behind_proxies(dashboard, settings.proxies),
        http=BoundedConnection,
        proxy_headers=False,
        host=settings.host,
        port=settings.dashboard_port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
