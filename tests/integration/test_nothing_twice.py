"""What is delivered, sent or given up more than once is counted once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from arq.constants import job_key_prefix

from app.queue import ACCEPTED_KEY, EVALUATE_QUEUE, REDELIVERED_KEY, JobName, NewJob, queued_jobs, stage
from app.reports import pipeline
from app.schemas.ids import mint
from app.schemas.queued import Batch, Envelope, encode
from app.storage.ledger.dead_letters import DeadLetter
from app.storage.ledger.outcomes import settled_jobs
from app.storage.rollups.observed_values import admit_values
from monitoring.models import Record
from tests.integration.worker_rig import Rig, running_rig
from workers.evaluation.storing import Job, Storing
from workers.process import unix_ms
from workers.upkeep.reconciling import Reconciling


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        yield rig


def now() -> datetime:
    return datetime.now(UTC)


def envelope(response: str = "two words", **fields: Any) -> Envelope:
    record = Record(prompt="hello", response=response)
    return Envelope(trace_id=mint(unix_ms()), project_id="default", source="live", record=record, **fields)


async def queue(rig: Rig, envelopes: list[Envelope]) -> JobName:
    """Queue one job, as the group commit does."""
    name = JobName.new("default", len(envelopes))
    batch = encode(Batch(envelopes=tuple(msgspec.Raw(encode(one)) for one in envelopes)))
    async with rig.redis.pipeline() as pipe:
        stage(pipe, [NewJob(name, batch)], now_ms=unix_ms())
        await pipe.execute()
    return name


async def deliver_again(rig: Rig, name: JobName, job: bytes, *, died: bool) -> None:
    """Put a job back as it was; with `died` its last try ended without a word."""
    await rig.redis.set(f"{job_key_prefix}{name}", job)
    await rig.redis.zadd(EVALUATE_QUEUE, {str(name): 1})
    if died:
        await rig.redis.set(f"llm-monitor:attempts:{name}", 1)


async def outcomes(rig: Rig) -> dict[str, int]:
    """Rows, what the rollups say they are, and the ledger."""
    (settled,) = await rig.rows(
        "SELECT sum(stored)::int AS stored, sum(duplicate)::int AS duplicate, sum(dead)::int AS dead"
        " FROM settlements"
    )
    return {
        "rows": await rig.value("SELECT count(*) FROM traces"),
        "rolled_up": await rig.value(
            "SELECT coalesce(sum(records), 0)::int FROM rollups WHERE dimension = 'all'"
        ),
        "letters": await rig.value("SELECT count(*) FROM dead_letters"),
        "accepted": int(await rig.redis.hget(ACCEPTED_KEY, "default") or 0),
        **settled,
    }


def expect(
    rows: int, *, accepted: int, duplicate: int = 0, dead: int = 0, letters: int = 0
) -> dict[str, int]:
    assert accepted == rows + duplicate + dead
    return {
        "rows": rows,
        "rolled_up": rows,
        "stored": rows,
        "letters": letters,
        "accepted": accepted,
        "duplicate": duplicate,
        "dead": dead,
    }


async def test_two_tries_of_one_record_that_meet_in_one_job_are_one_row_and_one_count(rig: Rig) -> None:
    first = envelope()
    await queue(rig, [first, msgspec.structs.replace(first, retried=True), envelope()])
    await rig.drain()
    assert await outcomes(rig) == expect(2, accepted=3, duplicate=1)


async def test_a_worker_that_dies_after_the_commit_leaves_a_job_that_counts_once(rig: Rig) -> None:
    name = await queue(rig, [envelope() for _ in range(5)])
    job = await rig.redis.get(f"{job_key_prefix}{name}")
    await rig.drain()
    await deliver_again(rig, name, job, died=True)
    await rig.drain()
    assert await outcomes(rig) == expect(5, accepted=5)
    assert await rig.redis.hget(REDELIVERED_KEY, "default") == b"1"


async def test_a_worker_that_dies_between_the_two_steps_of_halving_loses_nothing(rig: Rig) -> None:
    name = await queue(rig, [envelope() for _ in range(5)])
    await rig.storing.replace("default", str(name))  # the first of the two
    async with rig.engine.connect() as connection:
        (ledger,) = (await pipeline.read_pipeline(connection, rig.redis, now())).projects
    assert (ledger.in_flight, ledger.unaccounted) == (5, 0)
    await rig.drain()
    assert await outcomes(rig) == expect(5, accepted=5)


class Interrupted(Storing):
    """Storage to whose first write something happens right before it."""

    def __init__(self, storing: Storing, happen: Callable[[], Awaitable[object]]) -> None:
        self.__dict__ |= vars(storing)
        self._happen: Callable[[], Awaitable[object]] | None = happen

    async def store(self, job: Job) -> Any:
        if happen := self._happen:
            self._happen = None
            await happen()
        return await super().store(job)


async def test_a_worker_that_was_halted_comes_too_late_for_a_job_that_was_halved_meanwhile(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await queue(rig, [envelope() for _ in range(5)])
    job = await rig.redis.get(f"{job_key_prefix}{name}")
    payload = msgspec.msgpack.decode(job)["a"][0]

    async def another_worker_takes_it() -> None:
        await rig.evaluation.evaluate({"job_id": str(name)}, payload)
        assert {queued.records for queued in await queued_jobs(rig.redis)} == {2, 3}

    rig.store_by(monkeypatch, lambda storing: Interrupted(storing, another_worker_takes_it))
    await rig.drain()
    assert await outcomes(rig) == expect(5, accepted=5)


def letter(one: Envelope, **fields: Any) -> DeadLetter:
    given = {"job_id": "j", "reason": "deadline", "detail": "slow", "attempts": 1, **fields}
    return DeadLetter(project_id="default", trace_id=one.trace_id, payload=encode(one), **given)


async def test_a_record_that_was_given_up_and_is_stored_at_its_next_try_is_no_dead_letter(rig: Rig) -> None:
    one = envelope()
    await rig.storing.store(Job("default", "j", [], [letter(one)], 0))
    await rig.redis.hincrby(ACCEPTED_KEY, "default", 1)
    assert await rig.value("SELECT count(*) FROM dead_letters") == 1
    await queue(rig, [msgspec.structs.replace(one, retried=True)])
    await rig.drain()
    assert await outcomes(rig) == expect(1, accepted=2, dead=1)


async def test_a_record_that_is_stored_is_not_given_up_at_a_later_try(rig: Rig) -> None:
    one, other = envelope(), envelope()
    await queue(rig, [one])
    await rig.drain()
    await rig.redis.hincrby(ACCEPTED_KEY, "default", 2)
    await rig.storing.store(Job("default", "j", [], [letter(one), letter(other)], 0))
    assert await outcomes(rig) == expect(1, accepted=3, duplicate=1, dead=1, letters=1)


async def test_a_record_that_is_given_up_twice_has_one_letter_with_all_its_tries(rig: Rig) -> None:
    one = envelope()
    storing = rig.storing
    await storing.store(Job("default", "j1", [], [letter(one, attempts=3)], 0))
    await storing.store(Job("default", "j2", [], [letter(one, attempts=2, reason="process_died")], 0))
    (row,) = await rig.rows("SELECT reason, attempts, detail FROM dead_letters")
    assert row == {"reason": "process_died", "attempts": 5, "detail": "slow"}


async def test_a_job_that_is_settled_while_the_ledger_is_read_is_not_reported_missing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(rig, [envelope() for _ in range(3)])
    read = settled_jobs

    async def read_late(*arguments: Any) -> frozenset[str]:
        await rig.drain()
        return await read(*arguments)

    monkeypatch.setattr(pipeline, "settled_jobs", read_late)
    async with rig.engine.connect() as connection:
        (ledger,) = (await pipeline.read_pipeline(connection, rig.redis, now())).projects
    assert (ledger.stored, ledger.in_flight, ledger.unaccounted) == (3, 0, 0)


async def test_what_vanished_is_put_back_or_named(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    reconciling = Reconciling(rig.engine, rig.redis, "test:1")
    unlisted, deleted = await queue(rig, [envelope()]), await queue(rig, [envelope()])
    await rig.redis.zrem(EVALUATE_QUEUE, str(unlisted))
    assert await reconciling.turn(now()) == {}, "one reading is no proof"
    assert await reconciling.turn(now()) == {}, "it was put back"
    assert {str(job) for job in await queued_jobs(rig.redis)} == {str(unlisted), str(deleted)}

    await rig.redis.delete(f"{job_key_prefix}{deleted}")
    await rig.drain()
    assert [await reconciling.turn(now()) for _ in range(2)] == [{}, {"default": 1}]
    assert "1 accepted records of project default are nowhere" in caplog.text
    async with rig.engine.connect() as connection:
        (ledger,) = (await pipeline.read_pipeline(connection, rig.redis, now())).projects
    assert (ledger.accepted, ledger.stored, ledger.in_flight, ledger.unaccounted) == (2, 1, 0, 1)


async def test_one_worker_of_all_reconciles(rig: Rig) -> None:
    first, second = (Reconciling(rig.engine, rig.redis, name) for name in ("test:1", "test:2"))
    turns = [await each._is_my_turn() for each in (first, second, first, second)]  # noqa: SLF001 the loop never ends
    assert turns == [True, False, True, False]


async def test_a_name_that_two_workers_meet_at_once_counts_by_itself_in_both(rig: Rig) -> None:
    day = now().date()
    async with rig.engine.connect() as first, rig.engine.connect() as second:
        assert await admit_values(first, "default", day, "user", ["ada", "bob"], 10) == {"ada", "bob"}
        waiting = asyncio.create_task(admit_values(second, "default", day, "user", ["ada", "cy"], 10))
        while not await rig.value("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 it waits in Postgres
            await asyncio.sleep(0)
        await first.commit()
        assert await waiting == {"ada", "cy"}
