"""How much may wait: what is refused, before anything of it is taken, and that the rest drains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from app.config import Settings
from app.errors import MonitorError, Overloaded, Unavailable
from app.ingest import Ingest
from app.ingest.admission import MEMORY_SHARE
from app.privacy import Privacy
from app.queue import ACCEPTED_KEY, EVALUATE_QUEUE, queued_jobs
from app.schemas.projects import BacklogLimits, ProjectSettings
from app.storage.engine import create_engine
from app.storage.ledger import read_settled
from monitoring.models import Record
from tests.integration.worker_program import running_workers
from workers.process import unix_ms

MEBIBYTE = 1024 * 1024


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


class SomeProjects:
    """Projects with these limits, without a Postgres."""

    def __init__(self, limits: dict[str, BacklogLimits]) -> None:
        self._limits = limits

    async def find(self, _: str) -> ProjectSettings:
        return ProjectSettings()

    def backlog_limits(self) -> dict[str, BacklogLimits]:
        return self._limits

    def are_several(self) -> bool:
        return bool(self._limits)


def ingest_into(
    redis: Redis,
    limits: dict[str, BacklogLimits],
    settings: Settings | None = None,
    clock: Callable[[], int] = unix_ms,
) -> Ingest:
    return Ingest(redis, settings or Settings(), SomeProjects(limits), Privacy(None), clock=clock)  # type: ignore[arg-type]


def records(count: int, size: int = 10, **fields: Any) -> list[Record]:
    return [Record(prompt=f"p{i}", response="word " * (size // 5), **fields) for i in range(count)]


class Clock:
    """The wall clock, and later."""

    ahead_ms = 0

    def __call__(self) -> int:
        return unix_ms() + self.ahead_ms


async def ids(redis: Redis) -> int:
    return len([key async for key in redis.scan_iter("llm-monitor:id:*")])


@pytest.mark.parametrize(
    ("limits", "taken", "refused"),
    [
        (BacklogLimits(records=5), records(4), records(2)),
        (BacklogLimits(bytes=3000), records(2, 1000), records(1, 1000)),
        (BacklogLimits(records=1), [], records(2)),
    ],
)
async def test_a_project_beyond_its_limit_gets_429_and_the_others_go_on(
    redis: Redis, limits: BacklogLimits, taken: list[Record], refused: list[Record]
) -> None:
    async with ingest_into(redis, {"small": limits}).running() as ingest:
        await ingest.accept(taken, project_id="small", source="live")
        await ingest.accept(records(9, 1000), project_id="large", source="live")
        for refreshed in (False, True):
            if refreshed:
                await ingest.admission.refresh()
            with pytest.raises(Overloaded) as caught:
                await ingest.accept(refused, project_id="small", source="live")
            assert caught.value.retry_after
            await ingest.accept(records(1), project_id="large", source="live")
        assert int(await redis.hget(ACCEPTED_KEY, "small") or 0) == len(taken)
        await redis.delete(EVALUATE_QUEUE)
        await ingest.admission.refresh()
        await ingest.accept(refused[:1], project_id="small", source="live")


@pytest.mark.parametrize(("of_project", "of_all", "error"), [(60, 3600, Overloaded), (None, 60, Unavailable)])
async def test_a_queue_that_has_stood_still_for_too_long_takes_no_more(
    redis: Redis, of_project: int | None, of_all: int, error: type[MonitorError]
) -> None:
    clock = Clock()
    limits = {"default": BacklogLimits(age_seconds=of_project)} if of_project else {}
    settings = Settings(backlog_max_age_seconds=of_all)
    async with ingest_into(redis, limits, settings, clock).running() as ingest:
        await ingest.accept(records(1), project_id="default", source="live")
        for seconds, refused in ((50, False), (70, True)):
            clock.ahead_ms = seconds * 1000
            await ingest.admission.refresh()
            if refused:
                with pytest.raises(error) as caught:
                    await ingest.accept(records(1), project_id="default", source="live")
                assert caught.value.retry_after
            else:
                await ingest.admission.refresh()
        assert len(await queued_jobs(redis)) == 1
        await redis.delete(EVALUATE_QUEUE)
        await ingest.admission.refresh()
        await ingest.accept(records(1), project_id="default", source="live")


async def test_a_refusal_leaves_no_ids_behind(redis: Redis) -> None:
    async with ingest_into(redis, {}, Settings(backlog_max_records=5)).running() as ingest:
        await ingest.accept(records(5, id="a"), project_id="default", source="live")
        assert await ids(redis) == 1
        for number in range(10):
            with pytest.raises(Unavailable):
                await ingest.accept(records(6, id=f"b{number}"), project_id="default", source="live")
        assert await ids(redis) == 1


async def test_redis_is_filled_to_its_mark_and_drained_to_zero_by_real_workers(
    redis: Redis, redis_url: str, database_url: str, tmp_path: Path
) -> None:
    limit = (await redis.config_get("maxmemory"))["maxmemory"]
    mark = int((await redis.info("memory"))["used_memory"]) + 3 * MEBIBYTE
    await redis.config_set("maxmemory", int(mark / MEMORY_SHARE))
    engine = create_engine(database_url, application="test")
    try:
        async with ingest_into(redis, {}).running() as ingest:
            accepted = await fill(ingest)
            used = int((await redis.info("memory"))["used_memory"])
            assert 0.9 * mark < used < 1.1 * mark
            assert int(await redis.hget(ACCEPTED_KEY, "default") or 0) == accepted > 1000
            with running_workers(database_url, redis_url, tmp_path / "log"):
                while await queued_jobs(redis):  # noqa: ASYNC110 nothing announces an empty queue
                    await asyncio.sleep(0.1)
            async with engine.connect() as connection:
                assert (await read_settled(connection))["default"].stored == accepted
            await ingest.admission.refresh()
            await ingest.accept(records(200, 2000), project_id="default", source="live")
    finally:
        await engine.dispose()
        await redis.config_set("maxmemory", limit)


async def fill(ingest: Ingest) -> int:
    """Send records of 2 KB until they are refused; returns how many were taken."""
    accepted = 0
    try:
        while True:
            await ingest.accept(records(100, 2000), project_id="default", source="live")
            accepted += 100
            await ingest.admission.refresh()
    except Unavailable as error:
        refusal = error
    assert "memory" in refusal.detail
    assert refusal.retry_after
    return accepted
