from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Message

from app.config import Settings
from app.errors import Unavailable
from app.events import Event, publish_event
from app.privacy import Privacy
from app.storage.engine import create_engine
from dashboard.app import create_dashboard
from dashboard.data.live import News
from dashboard.data.queries import Queries
from dashboard.data.view import View

NOWHERE = "unix:///tmp/llmt-nobody-listens-here.sock"
API = "http://api.internal"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


async def test_an_empty_project_is_read_without_inventing_a_number(engine: AsyncEngine, redis: Redis) -> None:
    overview = await Queries(engine, redis, Privacy(None), api_url=API).overview(View(period="1h"))
    assert overview.traces == []
    assert overview.quality.average_quality is None
    assert overview.safety.violation_rate is None
    assert overview.ledger is None
    assert overview.queue is not None
    assert overview.queue.records == 0


async def test_without_redis_the_stored_part_is_still_shown(engine: AsyncEngine) -> None:
    async with Redis.from_url(NOWHERE) as nobody:
        overview = await Queries(engine, nobody, Privacy(None), api_url=API).overview(View())
    assert (overview.queue, overview.ledger, overview.rate) == (None, None, None)
    assert overview.quality.total_evaluations == 0


async def test_without_postgres_it_says_so_and_asks_again(redis: Redis) -> None:
    nobody = create_engine("postgresql://nobody@/none?host=/tmp/llmt-nobody", application="test")
    queries = Queries(nobody, redis, Privacy(None), api_url=API)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await queries.overview(View())
    await nobody.dispose()


async def test_news_reaches_everybody_who_waits(redis: Redis, redis_url: str) -> None:
    async with Redis.from_url(redis_url) as feed:
        news = News(feed)
        listening = asyncio.create_task(news.listen())
        waiting = [asyncio.create_task(news.after(0, timeout=20)) for _ in range(3)]
        try:
            while not all(task.done() for task in waiting):
                # Nobody is told of what happened before the subscription stood.
                await publish_event(redis, Event("pipeline", "default", {}))
                await asyncio.wait(waiting, timeout=0.05)
            assert all(task.result() > 0 for task in waiting)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening


async def test_while_nothing_happens_waiting_ends_by_itself(redis: Redis) -> None:
    assert await News(redis).after(0, timeout=0.01) == 0


@asynccontextmanager
async def served(dashboard: ASGIApp) -> AsyncIterator[None]:
    """Start an application through its middleware, where Dash adds its addresses."""
    heard: asyncio.Queue[Message] = asyncio.Queue()
    said: asyncio.Queue[Message] = asyncio.Queue()

    async def run() -> None:
        await dashboard({"type": "lifespan"}, heard.get, said.put)

    running = asyncio.create_task(run())
    for step in ("startup", "shutdown"):
        await heard.put({"type": f"lifespan.{step}"})
        assert (await said.get())["type"] == f"lifespan.{step}.complete"
        if step == "startup":
            yield
    await running


@pytest.mark.parametrize("path", ["/", "/?period=7d", "/quality?filter=model+%3D+a", "/traces/1"])
async def test_every_address_gets_the_application_and_only_local_files(
    database_url: str, redis_url: str, path: str
) -> None:
    dashboard = create_dashboard(Settings(database_url=database_url, redis_url=redis_url))
    transport = httpx.ASGITransport(dashboard)
    async with (
        served(dashboard),
        httpx.AsyncClient(transport=transport, base_url="http://dashboard") as client,
    ):
        page = await client.get(path)
        charts = await client.get("/_dash-component-suites/plotly/package_data/plotly.min.js")
    assert page.status_code == httpx.codes.OK
    assert "/assets/frame.js" in page.text
    assert charts.headers["content-encoding"] == "gzip"
    assert 'src="http' not in page.text
    assert 'href="http' not in page.text


async def test_what_it_shows_may_come_from_a_read_replica(database_url: str, redis: Redis) -> None:
    primary = create_engine(database_url, application="test")
    async with primary.begin() as connection:
        name = (await connection.exec_driver_sql("SELECT current_database()")).scalar_one()
        await connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await primary.dispose()
    replica = create_engine(database_url, application="test")
    overview = await Queries(replica, redis, Privacy(None), api_url=API).overview(View(period="7d"))
    assert overview.quality.total_evaluations == 0
    async with replica.connect() as connection:
        with pytest.raises(DBAPIError, match="read-only"):
            await connection.exec_driver_sql("DELETE FROM traces")
    await replica.dispose()
