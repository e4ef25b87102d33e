"""What arq would drop by itself, without running our code and without a word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from arq.constants import job_key_prefix, retry_key_prefix
from asyncpg import InvalidAuthorizationSpecificationError, ReadOnlySQLTransactionError, UndefinedTableError
from redis.exceptions import ConnectionError as RedisConnectionError

from app.queue import ACCEPTED_KEY, EVALUATE, EVALUATE_QUEUE, queued_jobs, serialize
from app.queue.claims import Claims
from app.queue.loop import make_loop
from app.storage.engine import REFUSALS
from monitoring.models import Record
from tests.integration.worker_rig import Rig, running_rig
from workers.evaluation.storing import Job, Outcome, Storing


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        yield rig


async def accept(rig: Rig, count: int = 3) -> str:
    """Queue one job and return its id."""
    await rig.accept([Record(prompt="p", response="two words") for _ in range(count)])
    (job,) = await queued_jobs(rig.redis)
    return str(job)


async def stored(rig: Rig) -> int:
    found: int = await rig.value("SELECT count(*) FROM traces")
    return found


@pytest.mark.parametrize(
    "change",
    [
        {"f": "evaluate_better"},
        {"f": 7},
        {"a": []},
        {"a": [b"one", b"two"]},
        {"a": ["text"]},
        {"k": {"more": 1}},
        {"et": "now"},
    ],
)
async def test_a_job_that_calls_something_else_is_a_dead_letter(rig: Rig, change: dict[str, Any]) -> None:
    job = await accept(rig, 1)
    body = msgspec.msgpack.decode(await rig.redis.get(f"{job_key_prefix}{job}")) | change
    await rig.redis.set(f"{job_key_prefix}{job}", serialize(body))
    await rig.drain()
    (letter,) = await rig.rows("SELECT reason, payload FROM dead_letters")
    assert (letter["reason"], letter["payload"]) == ("unreadable", serialize(body))
    assert await rig.value("SELECT sum(dead)::int FROM settlements") == 1


async def test_a_job_under_a_foreign_name_is_not_lost_either(rig: Rig) -> None:
    body = await rig.redis.getdel(f"{job_key_prefix}{await accept(rig)}")
    for name in ("foreign", "for:ei:gn"):
        await rig.redis.set(f"{job_key_prefix}{name}", body)
        await rig.redis.zadd(EVALUATE_QUEUE, {name: 1})
        assert {each.project_id for each in await queued_jobs(rig.redis)} == {"default"}
        await rig.drain()
    assert await stored(rig) == 3
    assert await rig.value("SELECT sum(stored + duplicate)::int FROM settlements") == 6


async def test_a_job_is_delivered_however_often_it_was_before(rig: Rig) -> None:
    job = await accept(rig)
    await rig.redis.set(f"{retry_key_prefix}{job}", 5_000)
    await rig.drain()
    assert await stored(rig) == 3


def failing_once(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    begin = Claims.begin
    errors = [error]

    async def fail(self: Claims, job: Any) -> int:
        if errors:
            raise errors.pop()
        return await begin(self, job)

    monkeypatch.setattr(Claims, "begin", fail)


@pytest.mark.parametrize("error", [RedisConnectionError("gone"), TimeoutError(), RuntimeError("a fault")])
async def test_a_job_whose_try_cannot_even_be_counted_is_tried_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    await accept(rig)
    failing_once(monkeypatch, error)
    await rig.drain()
    assert await stored(rig) == 3


async def test_a_job_whose_try_cannot_be_forgotten_is_not_lost(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accept(rig)
    failing_once(monkeypatch, ConnectionResetError())
    real = rig.claims._redis  # noqa: SLF001 no other way in

    class Deaf:
        """Answers until the try ends, and not then."""

        def pipeline(self, *, transaction: bool) -> Any:
            rig.claims._redis = real  # noqa: SLF001 Redis is taken away from one part alone
            del transaction
            raise RedisConnectionError("gone")

    monkeypatch.setattr(rig.claims, "_redis", Deaf())
    await rig.drain()
    assert await stored(rig) == 3


async def test_arq_never_times_a_job_out_and_gives_it_back_within_half_a_minute(rig: Rig) -> None:
    worker = make_loop(rig.redis, rig.evaluation.evaluate)
    assert worker.functions[EVALUATE].timeout_s >= 3600
    assert worker.in_progress_timeout_s < 28
    job = await accept(rig)
    lasts: list[int] = []

    async def look(_: Any, payload: bytes) -> None:
        lasts.append(await rig.redis.pttl(f"arq:in-progress:{job}"))
        await rig.evaluation.evaluate({"job_id": job}, payload)

    worker.functions[EVALUATE].coroutine = look  # type: ignore[assignment]  # arq calls it as any other
    worker.burst = True
    await worker.async_run()
    assert 20_000 < lasts[0] <= 25_000


class Refusing(Storing):
    """Storage on a server that answers and refuses everything for a while."""

    def __init__(self, storing: Storing, refuse: Callable[[], Awaitable[None]]) -> None:
        self.__dict__ |= vars(storing)
        self._refuse = refuse

    async def store(self, job: Job) -> Outcome | None:
        await self._refuse()
        return await super().store(job)


@pytest.mark.parametrize(
    "error", [ReadOnlySQLTransactionError, UndefinedTableError, InvalidAuthorizationSpecificationError]
)
async def test_a_postgres_that_refuses_everything_is_waited_for_and_no_record_is_blamed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, error: Callable[[str], Exception]
) -> None:
    """A standby, a schema that is still to be migrated, a password that is being changed."""
    refusals = [error("no")] * 2
    assert isinstance(refusals[0], REFUSALS)

    async def refuse() -> None:
        if refusals:
            raise refusals.pop()

    rig.store_by(monkeypatch, lambda storing: Refusing(storing, refuse))
    await accept(rig, 8)
    await rig.drain()
    assert rig.outages == 2
    assert await stored(rig) == 8
    assert await rig.value("SELECT count(*) FROM settlements") == 1, "the job was halved"
    assert await rig.redis.hget(ACCEPTED_KEY, "default") == b"8"
