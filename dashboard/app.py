"""The dashboard's process: Dash on its FastAPI backend, reading storage and the live feed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import httpx
import uvicorn
from dash import Dash
from fastapi import FastAPI
from redis.asyncio import Redis

from app.config import Settings, load_settings
from app.errors import MonitorError, StartupError
from app.storage.engine import create_engine
from app.telemetry import configure_logging
from dashboard.frame import frame, register_frame, report_failure
from dashboard.health import HealthSource
from dashboard.live import News, register_news
from dashboard.page import find_pages
from dashboard.sources import Sources

__all__ = ["create_dashboard", "main"]

_HERE = Path(__file__).parent
_API_SECONDS = 4.5  # just under the pace at which it is asked
_REDIS_SECONDS = 2.0


def create_dashboard(settings: Settings) -> FastAPI:
    """Build the dashboard as an ASGI application; it connects to nothing before it serves.

    Raises StartupError when no database or Redis address is set.
    """
    if not settings.database_url or not settings.redis_url:
        raise StartupError(
            "the dashboard needs DATABASE_URL and REDIS_URL: start it with python main.py --dashboard-only, "
            "or set both"
        )
    engine = create_engine(settings.database_url, application="llm-monitor-dashboard")
    redis = Redis.from_url(
        settings.redis_url, socket_connect_timeout=_REDIS_SECONDS, socket_timeout=_REDIS_SECONDS
    )
    # A subscription is silent for as long as nothing happens.
    feed = Redis.from_url(settings.redis_url, socket_connect_timeout=_REDIS_SECONDS, health_check_interval=15)
    client = httpx.AsyncClient(base_url=settings.api_url, timeout=_API_SECONDS)
    news = News(feed)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        listener = asyncio.create_task(news.listen())
        try:
            yield
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener
            await client.aclose()
            await redis.aclose()
            await feed.aclose()
            await engine.dispose()

    dash = _create_dash(FastAPI(lifespan=lifespan, openapi_url=None))
    pages = find_pages()
    dash.layout = frame(settings)
    register_frame(dash, pages, HealthSource(client))
    register_news(dash, news)
    sources = Sources(engine, redis, api_url=settings.api_url)
    for page in pages:
        page.register(dash, sources)
    return cast("FastAPI", dash.server)


def _create_dash(server: Any) -> Dash:
    return Dash(
        __name__,
        server=server,
        assets_folder=str(_HERE / "assets"),
        use_pages=False,
        serve_locally=True,
        compress=True,
        suppress_callback_exceptions=True,  # a page's callbacks exist before its layout does
        title="LLM Monitor",
        update_title="",
        add_log_handler=False,
        on_error=report_failure,
        enable_mcp=False,
        websocket_inactivity_timeout=0,  # a screen on the wall is never touched
    )


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
        dashboard,
        host=settings.host,
        port=settings.dashboard_port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
