"""How much may wait: what is refused, and that the rest is processed.

A refused request leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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
from app.schemas.ids import mint_many
from app.schemas.projects import BacklogLimits, ProjectSettings
from app.storage.engine import create_engine
from app.storage.ledger.outcomes import read_settled
from monitoring.models import Record
from tests.integration.worker_program import running_workers
from workers.process import unix_ms

MEBIBYTE = 1024 * 1024


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


class SomeProjects:
    """Projects with these limits, without a Postgres; more than one if `several` is set."""

    def __init__(self, limits: dict[str, BacklogLimits], *, several: bool = False) -> None:
        self._limits = limits
        self._several = several

    async def find(self, _: str) -> ProjectSettings:
        return ProjectSettings()

    def backlog_limits(self) -> dict[str, BacklogLimits]:
        return self._limits

    def are_several(self) -> bool:
        return self._several


def ingest_into(
    redis: Redis,
    limits: dict[str, BacklogLimits],
    settings: Settings | None = None,
    clock: Callable[[], int] = unix_ms,
    *,
    several: bool = False,
) -> Ingest:
    projects = SomeProjects(limits, several=several)
    return Ingest(redis, settings or Settings(), projects, Privacy(None), clock=clock)  # type: ignore[arg-type]  # a stand-in for projects


def records(count: int, size: int = 10, **fields: Any) -> list[Record]:
    return [Record(prompt=f"p{i}", response="word " * (size // 5), **fields) for i in range(count)]


class Clock:
    """A wall clock that can be set forward."""

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


@asynccontextmanager
async def memory_left(redis: Redis, size: int) -> AsyncIterator[None]:
    """Allow ingest this much of Redis' memory for the length of the block."""
    limit = (await redis.config_get("maxmemory"))["maxmemory"]
    used = int((await redis.info("memory"))["used_memory"])
    await redis.config_set("maxmemory", int((used + size) / MEMORY_SHARE))
    try:
        yield
    finally:
        await redis.config_set("maxmemory", limit)


@pytest.mark.parametrize("size", [10, 3_000_000], ids=["too many records", "too large a record"])
async def test_a_refusal_leaves_no_ids_behind(redis: Redis, size: int) -> None:
    async with (
        memory_left(redis, 2_000_000),
        ingest_into(redis, {}, Settings(backlog_max_records=5)).running() as ingest,
    ):
        await ingest.admission.refresh()
        await ingest.accept(records(4, id="a"), project_id="default", source="live")
        assert await ids(redis) == 1
        refused = records(6 if size < 100 else 1, size)
        for number in range(10):
            keys = [f"b{number}"] * len(refused)
            with pytest.raises(Unavailable):
                await ingest.accept(refused, project_id="default", source="live", keys=keys)
        assert await ids(redis) == 1
        assert await redis.keys("llm-monitor:ids:*") != []
        assert dict(await ingest._idempotency.count()) == {"default": 1}  # noqa: SLF001 a look at what is remembered


async def test_ids_are_counted_by_project_and_forgotten_with_their_counts(redis: Redis) -> None:
    async with ingest_into(redis, {}).running() as ingest:
        idempotency = ingest._idempotency  # noqa: SLF001 a look at what is remembered
        for project, count, spans in (("one", 3, False), ("two", 5, False), ("one", 7, True)):
            claims = [f"{project}{number}{spans}" for number in range(count)]
            for _ in range(2):  # what is known already is not counted twice
                known = await idempotency.claim(project, claims, mint_many(unix_ms(), count), of_spans=spans)
            assert None not in known
        assert await idempotency.count() == {"one": 10, "two": 5}
        lives = sorted([await redis.pttl(key) async for key in redis.scan_iter("llm-monitor:id:*")])
        hour = 3_600_000
        assert lives[0] > 0.99 * hour
        assert lives[6] <= hour < 23.9 * hour < lives[7] <= lives[-1] <= 24 * hour
        for key, longest in (("1:*", hour), ("24:*", 24 * hour)):
            (counts,) = await redis.keys(f"llm-monitor:ids:{key}")
            assert longest <= await redis.pttl(counts) <= longest * 9 / 8


async def test_ids_that_fill_memory_refuse_the_project_that_sent_them_and_no_other(redis: Redis) -> None:
    async with memory_left(redis, 2_000_000), ingest_into(redis, {}, several=True).running() as ingest:
        await ingest.admission.refresh()
        one = [Record(prompt="p", response="r")] * 500

        async def send(number: int) -> None:
            keys = [f"k{number}:{line}" for line in range(500)]
            await ingest.accept(one, project_id="greedy", source="live", keys=keys)
            await redis.delete(EVALUATE_QUEUE)  # workers are quick: what fills memory are ids alone
            async for key in redis.scan_iter("arq:job:*"):
                await redis.delete(key)
            await ingest.admission.refresh()

        times, refusal = await until_refused(send)
        sent = times * 500
        assert isinstance(refusal, Overloaded)
        assert "fewer records with ids" in refusal.detail
        assert 4_000 <= sent <= 10_000
        assert await ids(redis) == sent
        for other in ("modest", "new"):
            await ingest.accept(records(100, id=None), project_id=other, source="live", keys=[other] * 100)
        with pytest.raises(Overloaded):
            await send(times + 1)


@pytest.mark.parametrize("several", [False, True])
async def test_one_project_leaves_room_for_the_others(redis: Redis, *, several: bool) -> None:
    settings = Settings(backlog_max_records=1000)
    async with ingest_into(redis, {}, settings, several=several).running() as ingest:
        taken: dict[str, int] = {}
        for project in ("greedy", "second", "third") if several else ("greedy",):

            async def send(_: int, project: str = project) -> None:
                await ingest.accept(records(50), project_id=project, source="live")
                await ingest.admission.refresh()

            times, refusal = await until_refused(send)
            taken[project] = 50 * times
            assert isinstance(refusal, Overloaded if several else Unavailable)
            assert refusal.retry_after
        assert taken == ({"greedy": 500, "second": 250, "third": 150} if several else {"greedy": 1000})
        await redis.delete(EVALUATE_QUEUE)
        await ingest.admission.refresh()
        await ingest.accept(records(500), project_id="greedy", source="live")


async def until_refused(send: Callable[[int], Awaitable[None]]) -> tuple[int, MonitorError]:
    """Send until a request is refused, at most forty times.

    Returns how many were accepted, and the refusal.
    """
    for number in range(40):
        try:
            await send(number)
        except MonitorError as error:
            return number, error
    raise AssertionError("it was never refused")


async def test_the_age_that_counts_is_that_of_the_project(redis: Redis) -> None:
    clock = Clock()
    settings = Settings(backlog_max_age_seconds=60)
    async with ingest_into(redis, {}, settings, clock).running() as ingest:
        await ingest.accept(records(1), project_id="slow", source="live")
        clock.ahead_ms = 70_000
        await ingest.admission.refresh()
        await ingest.accept(records(1), project_id="other", source="live")
        with pytest.raises(Unavailable, match="oldest"):
            await ingest.accept(records(1), project_id="slow", source="live")


async def test_redis_is_filled_to_its_mark_and_drained_to_zero_by_real_workers(
    redis: Redis, redis_url: str, database_url: str, tmp_path: Path
) -> None:
    limit = (await redis.config_get("maxmemory"))["maxmemory"]
    mark = int((await redis.info("memory"))["used_memory"]) + 4 * MEBIBYTE
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
    """Send records of 2 KB until they are refused; returns how many were accepted."""
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
