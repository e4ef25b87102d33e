"""Who is served next: among projects that have work waiting, the one that has been served least."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from redis.asyncio import Redis

from app.queue import EVALUATE_QUEUE, JobName, NewJob, listed_jobs, requeue_unlisted, stage
from app.queue.claims import Claims
from app.queue.loop import make_loop
from app.queue.places import FORMER, LANES
from monitoring.models import Record
from tests.integration.worker_rig import running_rig
from workers.process import unix_ms

SERVED = [f"llm-monitor:served:{lane}" for lane in LANES]
FULL_JOB = 2 * 1024 * 1024


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


def jobs(
    project: str, count: int, *, size: int = FULL_JOB, records: int = 512, waited: bool = False
) -> list[NewJob]:
    return [
        NewJob(JobName.new(project, records, size, waited=waited, now_ms=unix_ms()), b"x")
        for _ in range(count)
    ]


async def enqueue(redis: Redis, *groups: Sequence[NewJob], instead: JobName | None = None) -> None:
    """Queue each group in a MULTI of its own, as API processes do."""
    for group in groups:
        async with redis.pipeline(transaction=True) as pipe:
            stage(pipe, group, now_ms=unix_ms(), instead=instead)
            await pipe.execute()


async def order(redis: Redis) -> list[str]:
    return [job.name.project_id async for job in listed_jobs(redis)]


async def places(redis: Redis) -> dict[JobName, float]:
    listed = await redis.zrange(EVALUATE_QUEUE, 0, -1, withscores=True)
    return {JobName.parse(job_id.decode()): score for job_id, score in listed}


async def test_a_project_that_was_not_served_yet_comes_before_the_backlog_of_another(redis: Redis) -> None:
    await enqueue(redis, jobs("large", 400), jobs("small", 2))
    # The first job of the large project runs, and stays listed meanwhile. Both projects get one
    # more job after it.
    assert sorted((await order(redis))[:2]) == ["large", "small"]
    assert (await order(redis))[:4].count("small") == 2


@pytest.mark.parametrize(
    ("size", "records", "at_once"),
    [(FULL_JOB, 512, 1), (FULL_JOB // 2, 256, 2), (1_000, 1, 110), (FULL_JOB // 8, 1, 8)],
)
async def test_what_counts_is_how_much_was_served_and_not_how_many_jobs(
    redis: Redis, size: int, records: int, at_once: int
) -> None:
    await enqueue(redis, jobs("large", 20), jobs("small", 10 * at_once, size=size, records=records))
    first = (await order(redis))[: 5 + 5 * at_once]
    assert 4 <= first.count("large") <= 6


async def test_a_backlog_that_grows_stays_behind_its_own(redis: Redis) -> None:
    await enqueue(redis, jobs("large", 10))
    for _ in range(10):
        await enqueue(redis, jobs("small", 1), jobs("large", 1))
    found = await order(redis)
    assert found[:20].count("small") == 10
    assert found[20:] == ["large"] * 10


async def test_jobs_of_a_project_keep_their_order(redis: Redis) -> None:
    made = jobs("one", 50, size=1, records=1)
    await enqueue(redis, made[:20], made[20:21], made[21:])
    assert list(await places(redis)) == [job.name for job in made]


async def test_waited_jobs_come_first_and_are_shared_by_projects_too(redis: Redis) -> None:
    await enqueue(
        redis,
        jobs("large", 3),
        jobs("large", 9, size=9_000, records=1, waited=True),
        jobs("small", 1, size=9_000, records=1, waited=True),
    )
    found = await order(redis)
    assert found[:2].count("small") == 1
    assert [name.waited for name in await places(redis)] == [True] * 10 + [False] * 3


async def test_who_was_served_before_the_queue_was_empty_owes_nothing(redis: Redis) -> None:
    await enqueue(redis, jobs("large", 30))
    await redis.delete(EVALUATE_QUEUE)
    await enqueue(redis, jobs("small", 1))
    assert await redis.hkeys(SERVED[1]) == [b"small"]
    await enqueue(redis, jobs("large", 1))
    assert set((await places(redis)).values()) == {float(LANES["bulk"])}


async def test_the_halves_of_a_job_have_its_place_and_are_counted_once(redis: Redis) -> None:
    first, second = jobs("one", 2)
    await enqueue(redis, [first, second], jobs("two", 1))
    served = await redis.hgetall(SERVED[1])
    halves = [NewJob(JobName("one", 256, f"{second.name.token}{side}", 9), b"x") for side in "ab"]
    for _ in range(2):  # the second time, as after a crash, nothing changes
        await enqueue(redis, halves, instead=second.name)
        found = await places(redis)
        assert {found[half.name] for half in halves} == {found[second.name]}
    assert await redis.hgetall(SERVED[1]) == served


async def test_a_half_of_a_waited_job_is_bulk(redis: Redis) -> None:
    (job,) = jobs("one", 1, waited=True)
    await enqueue(redis, [job])
    half = NewJob(JobName("one", 1, f"{job.name.token}a", 9), b"x")
    await enqueue(redis, [half], instead=job.name)
    assert (await places(redis))[half.name] == LANES["bulk"]


async def test_what_lost_its_place_is_given_one_and_what_has_one_keeps_it(redis: Redis) -> None:
    lost, kept = jobs("one", 2)
    await enqueue(redis, [lost, kept])
    before = await places(redis)
    await redis.zrem(EVALUATE_QUEUE, str(lost.name))
    assert await requeue_unlisted(redis) == 1
    after = await places(redis)
    assert after[kept.name] == before[kept.name]
    assert after[lost.name] > before[kept.name]
    assert await requeue_unlisted(redis) == 0


async def test_jobs_of_the_version_before_are_placed_in_their_order_before_new_ones(redis: Redis) -> None:
    former = [
        str(JobName(project, 512, f"{number:08d}{'4' * 24}", FULL_JOB))
        for number, project in enumerate("aaabb")
    ]
    now = unix_ms()
    await redis.zadd(EVALUATE_QUEUE, {name: now - 1000 + number for number, name in enumerate(former)})
    assert [job.enqueued_ms async for job in listed_jobs(redis)] == [
        now - 1000 + number for number in range(5)
    ]
    await enqueue(redis, jobs("c", 1), jobs("a", 1))
    found = await places(redis)
    assert max(found.values()) < FORMER
    assert [str(name) for name in found if str(name) in former and name.project_id == "a"] == former[:3]
    assert sorted(name.project_id for name in list(found)[:3]) == ["a", "b", "c"]
    assert list(found)[-1].project_id == "a"
    assert [job.enqueued_ms async for job in listed_jobs(redis)].count(0) == 5


@pytest.mark.parametrize("name", ["foreign", "for:ei:gn", "a:b:c:d", "%d:1:1:x%", f"{'f' * 32}w:1:1:a:b"])
async def test_names_of_any_kind_are_listed(redis: Redis, name: str) -> None:
    await redis.set(f"arq:job:{name}", b"x")
    await enqueue(redis, [NewJob(JobName.parse(name), b"x")])
    assert await redis.zcard(EVALUATE_QUEUE) == 1


async def test_a_lane_that_is_full_takes_more_at_its_end(redis: Redis) -> None:
    await enqueue(redis, jobs("one", 1))
    await redis.hset(SERVED[1], "one", str(FORMER - 2))
    await enqueue(redis, jobs("one", 3), jobs("two", 1))
    assert (await order(redis))[:2].count("two") == 1
    assert max((await places(redis)).values()) == FORMER - 1


async def test_a_job_that_is_tried_again_keeps_its_place(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_rig(database_url, redis_url) as rig:
        await rig.accept([Record(prompt="p", response="two words")])
        before = await places(rig.redis)
        seen: list[dict[JobName, float]] = []
        begin = Claims.begin

        async def stumble(self: Claims, job: JobName) -> int:
            seen.append(await places(rig.redis))
            if len(seen) == 1:
                raise RuntimeError("once")
            return await begin(self, job)

        monkeypatch.setattr(Claims, "begin", stumble)
        worker = make_loop(rig.redis, rig.evaluation.evaluate, burst=True)
        await worker.async_run()
        assert seen == [before, before]
        assert await rig.value("SELECT count(*) FROM traces") == 1
