from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool, Redis

from app.config import Settings
from app.errors import Unavailable
from app.ingest import Accepted, Ingest
from app.ingest.group_commit import JOB_BYTES, JOB_RECORDS, WAITED_BYTES, GroupCommit
from app.privacy import Privacy
from app.queue import (
    ACCEPTED_KEY,
    EVALUATE,
    EVALUATE_QUEUE,
    JobName,
    NewJob,
    deserialize,
    listed_jobs,
    queued_jobs,
    queued_since,
    serialize,
    stage,
)
from app.schemas.ids import minted_at
from app.schemas.projects import ProjectSettings
from app.schemas.queued import Envelope, decode_batch, decode_envelope
from app.schemas.records import Rejection
from app.supervision import in_background
from monitoring.models import Record

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def clock() -> int:
    return int(NOW.timestamp() * 1000)


def records(count: int, **fields: Any) -> list[Record]:
    return [Record(prompt=f"p{i}", response="r", **fields) for i in range(count)]


class OneProject:
    """Every project, decided as everybody's."""

    async def find(self, _: str) -> ProjectSettings:
        return ProjectSettings()

    def are_several(self) -> bool:
        return False

    def backlog_limits(self) -> dict[str, Any]:
        return {}


def ingest_into(redis: Redis, *, clock: Callable[[], int], **settings: Any) -> Ingest:
    return Ingest(redis, Settings(**settings), OneProject(), Privacy(None), clock=clock)  # type: ignore[arg-type]  # a stand-in for projects


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def ingest(redis: Redis) -> AsyncIterator[Ingest]:
    async with ingest_into(redis, clock=clock).running() as ingest:
        yield ingest


async def accept(ingest: Ingest, lines: list[Any], **options: Any) -> Any:
    return await ingest.accept(lines, project_id="default", source="live", **options)


async def queued_envelopes(redis: Redis) -> list[list[Envelope]]:
    found = []
    for name in await queued_jobs(redis):
        batch = decode_batch(deserialize(await redis.get(f"arq:job:{name}"))["a"][0])
        found.append([decode_envelope(raw) for raw in batch.envelopes])
    return found


async def test_what_is_accepted_lies_in_the_queue(ingest: Ingest, redis: Redis) -> None:
    submission = await accept(ingest, records(3, user_id="ada"))

    (job,) = await queued_envelopes(redis)
    assert [e.trace_id for e in job] == [outcome.trace_id for outcome in submission.outcomes]
    assert [e.record for e in job] == records(3, user_id="ada")
    assert {minted_at(e.trace_id) for e in job} == {NOW}
    assert await redis.hgetall(ACCEPTED_KEY) == {b"default": b"3"}


async def test_requests_of_one_moment_share_a_commit(ingest: Ingest, redis: Redis) -> None:
    before = (await redis.info("commandstats")).get("cmdstat_evalsha", {"calls": 0})["calls"]
    await asyncio.gather(*(accept(ingest, records(1)) for _ in range(100)))
    calls = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before

    assert sum(len(job) for job in await queued_envelopes(redis)) == 100
    assert calls <= 3


async def test_a_job_is_cut_by_records_and_by_bytes(ingest: Ingest, redis: Redis) -> None:
    await accept(ingest, records(JOB_RECORDS + 1))
    assert sorted(len(job) for job in await queued_envelopes(redis)) == [1, JOB_RECORDS]

    await redis.flushall()
    large = Record(prompt="p", response="x" * (JOB_BYTES // 2))
    await accept(ingest, [large, large, large, Record(prompt="p", response="y" * JOB_BYTES * 2)])
    assert sorted(len(job) for job in await queued_envelopes(redis)) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("timestamp", "taken"),
    [
        (None, True),
        (NOW, True),
        (datetime(2020, 1, 1, tzinfo=UTC), True),
        (datetime(2019, 12, 31, 23, 59, 59, tzinfo=UTC), False),
        (NOW + timedelta(hours=23), True),
        (NOW + timedelta(hours=25), False),
    ],
)
async def test_a_moment_no_clock_gives_is_rejected(
    ingest: Ingest, timestamp: datetime | None, *, taken: bool
) -> None:
    (outcome,) = (await accept(ingest, records(1, timestamp=timestamp))).outcomes
    assert isinstance(outcome, Rejection) is not taken


async def test_rejected_lines_stay_in_their_place(ingest: Ingest, redis: Redis) -> None:
    bad = Rejection(2, "prompt", "no")
    first, second, third = (await accept(ingest, [*records(1), bad, *records(1)])).outcomes
    assert second is bad
    (job,) = await queued_envelopes(redis)
    assert [first.trace_id, third.trace_id] == [envelope.trace_id for envelope in job]


async def test_a_client_id_keeps_its_trace_id(ingest: Ingest, redis: Redis) -> None:
    (first,) = (await accept(ingest, records(1, id="a"))).outcomes
    (again,) = (await accept(ingest, records(1, id="a"))).outcomes
    (other,) = (await accept(ingest, records(1, id="b"))).outcomes
    (keyed,) = (await accept(ingest, records(1, id="b"), keys=["a"])).outcomes

    assert (again.trace_id, again.duplicate) == (first.trace_id, True)
    assert not other.duplicate
    assert other.trace_id != first.trace_id
    assert keyed.trace_id == first.trace_id
    retried = [envelope.retried for job in await queued_envelopes(redis) for envelope in job]
    assert sorted(retried) == [False, False, True, True]


async def test_the_same_id_twice_in_one_request_is_queued_once(ingest: Ingest, redis: Redis) -> None:
    first, second = (await accept(ingest, records(2, id="a"))).outcomes
    assert (first.trace_id, second.duplicate) == (second.trace_id, True)
    assert [len(job) for job in await queued_envelopes(redis)] == [1]
    assert await redis.hget(ACCEPTED_KEY, "default") == b"1"


async def test_projects_do_not_share_ids(ingest: Ingest) -> None:
    first = await ingest.accept(records(1, id="a"), project_id="one", source="live")
    second = await ingest.accept(records(1, id="a"), project_id="two", source="live")
    one, other = first.outcomes[0], second.outcomes[0]
    assert isinstance(one, Accepted)
    assert isinstance(other, Accepted)
    assert one.trace_id != other.trace_id


async def test_a_wait_without_workers_ends_in_time_and_keeps_the_record(ingest: Ingest, redis: Redis) -> None:
    submission = await accept(ingest, records(1), wait_seconds=0.05)
    assert submission.summaries == {}
    assert len(await queued_jobs(redis)) == 1


async def test_jobs_that_somebody_waits_for_are_small_and_a_large_record_is_waited_for_among_bulk(
    ingest: Ingest, redis: Redis
) -> None:
    half = Record(prompt="p", response="x" * (WAITED_BYTES // 2))
    large = Record(prompt="p", response="y" * WAITED_BYTES)
    await accept(ingest, [half, half, large, half], wait_seconds=0.01)
    jobs = dict(zip(await queued_jobs(redis), await queued_envelopes(redis), strict=True))
    assert [(job.waited, len(found)) for job, found in jobs.items()] == [(True, 1)] * 3 + [(False, 1)]
    assert all(job.size <= WAITED_BYTES for job in jobs if job.waited)
    for job, (envelope,) in jobs.items():
        assert envelope.waited
        assert (envelope.record == large) is not job.waited
        batch = decode_batch(deserialize(await redis.get(f"arq:job:{job}"))["a"][0])
        assert batch.reply_to == ingest.waiting.channel


async def test_a_waiting_record_is_due_before_bulk_of_the_same_moment(ingest: Ingest, redis: Redis) -> None:
    await accept(ingest, records(2))
    await accept(ingest, records(1), wait_seconds=0.01)
    first = (await redis.zrange(EVALUATE_QUEUE, 0, 0))[0]
    assert JobName.parse(first.decode()).records == 1


async def test_the_queue_says_since_when_each_job_waits(redis: Redis) -> None:
    moments = [1_800_000_000_000, 1_800_000_007_000]
    async with redis.pipeline() as pipe:
        for waited, now_ms in zip((False, True), moments, strict=True):
            name = JobName.new("default", 1, 1, waited=waited, now_ms=now_ms)
            stage(pipe, [NewJob(name, b"x")], now_ms=now_ms)
        await pipe.execute()
    assert [job.enqueued_ms async for job in listed_jobs(redis)] == moments[::-1]
    assert [job.enqueued_ms for job in await queued_since(redis)] == moments[::-1]


async def test_a_full_queue_refuses_before_it_takes_and_drains_again(redis: Redis) -> None:
    async with ingest_into(redis, clock=clock, backlog_max_records=5).running() as ingest:
        await accept(ingest, records(4))
        with pytest.raises(Unavailable) as caught:
            await accept(ingest, records(2))
        assert caught.value.retry_after
        assert await redis.hget(ACCEPTED_KEY, "default") == b"4"
        await redis.delete(EVALUATE_QUEUE)
        await ingest.admission.refresh()
        await accept(ingest, records(2))


async def test_memory_is_refused_long_before_redis_is_full(redis: Redis) -> None:
    used = (await redis.info("memory"))["used_memory"]
    before = (await redis.config_get("maxmemory"))["maxmemory"]
    await redis.config_set("maxmemory", used + 2_000_000)
    try:
        async with ingest_into(redis, clock=clock).running() as ingest:
            await ingest.admission.refresh()
            with pytest.raises(Unavailable, match="memory"):
                await accept(ingest, [Record(prompt="p", response="x" * 3_000_000)])
            assert await queued_jobs(redis) == []
    finally:
        await redis.config_set("maxmemory", before)


async def test_a_redis_that_refuses_writes_leaves_nothing_half_taken(redis: Redis) -> None:
    async with ingest_into(redis, clock=clock).running() as ingest:
        await redis.config_set("min-replicas-to-write", 1)
        try:
            with pytest.raises(Unavailable) as caught:
                await accept(ingest, records(600))
        finally:
            await redis.config_set("min-replicas-to-write", 0)
        assert caught.value.retry_after
        assert await queued_jobs(redis) == []
        assert await redis.hgetall(ACCEPTED_KEY) == {}


async def test_the_keys_are_those_that_arq_itself_would_write(redis_url: str, redis: Redis) -> None:
    name = JobName("default", 1, "token")
    payload = b"payload"
    async with redis.pipeline() as pipe:
        stage(pipe, [NewJob(name, payload)], now_ms=1_800_000_000_000)
        await pipe.execute()
    ours = await redis.get(f"arq:job:{name}")
    assert await redis.pttl(f"arq:job:{name}") > 29 * 86_400_000
    await redis.delete(f"arq:job:{name}", EVALUATE_QUEUE)

    arq = ArqRedis(
        ConnectionPool.from_url(redis_url), job_serializer=serialize, default_queue_name=EVALUATE_QUEUE
    )
    await arq.enqueue_job(EVALUATE, payload, _job_id=str(name))
    theirs = await redis.get(f"arq:job:{name}")
    listed = await redis.zrange(EVALUATE_QUEUE, 0, -1)
    await arq.aclose(close_connection_pool=True)

    assert msgspec.msgpack.decode(ours) | {"et": 0} == msgspec.msgpack.decode(theirs) | {"et": 0}
    assert listed == [str(name).encode()]


@pytest.mark.parametrize("garbage", [b"", b"\xc1", serialize({"f": 1}), serialize({"a": 1, "f": "x"})])
def test_a_payload_that_cannot_be_read_still_reaches_our_code(garbage: bytes) -> None:
    job = deserialize(garbage)
    assert (job["f"], bytes(job["a"][0])) == (EVALUATE, garbage)


def test_the_log_never_shows_a_payload() -> None:
    job = deserialize(serialize({"t": None, "f": EVALUATE, "a": (b"secret",), "k": {}, "et": 1}))
    assert "secret" not in repr(job["a"])


@pytest.mark.parametrize(("answer_seconds", "jobs"), [(0.0, 2), (1.0, 1)])
async def test_requests_that_wait_share_a_job_only_while_answers_are_slow(
    redis: Redis, answer_seconds: float, jobs: int
) -> None:
    commit = GroupCommit(redis, reply_to="replies", clock=clock)
    for _ in range(20):
        commit.note_answer(answer_seconds)
    async with in_background(commit.run()):
        first = asyncio.ensure_future(commit.keep("default", [b"\x80"], waited=True))
        for _ in range(3):  # the first is in hand when the second comes
            await asyncio.sleep(0)
        await commit.keep("default", [b"\x80"], waited=True)
        await first
    assert len(await queued_jobs(redis)) == jobs


async def test_who_does_not_wait_is_never_held_back(redis: Redis) -> None:
    commit = GroupCommit(redis, reply_to="replies", clock=clock)
    for _ in range(20):
        commit.note_answer(1.0)
    async with in_background(commit.run()):
        first = asyncio.ensure_future(commit.keep("default", [b"\x80"], waited=True))
        for _ in range(3):
            await asyncio.sleep(0)
        await commit.keep("default", [b"\x80"], waited=False)
        assert first.done()
