from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from arq.constants import in_progress_key_prefix, job_key_prefix

from app.queue import ACCEPTED_KEY, EVALUATE_QUEUE, JobName, NewJob, queued_jobs, stage
from app.queue.loop import make_loop
from app.schemas.ids import mint
from app.schemas.queued import Batch, Envelope, encode
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared
from tests.integration.worker_rig import ORDINARY, Alarm, Rig, WordCount, running_rig
from workers.evaluation.storing import Job, Outcome, Storing
from workers.process import unix_ms


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        yield rig


def record(response: str = "two words", **fields: object) -> Record:
    return Record(prompt="hello", response=response, **fields)  # type: ignore[arg-type]  # each test gives other fields


def envelope(one: Record, **fields: object) -> Envelope:
    return Envelope(trace_id=mint(unix_ms()), project_id="default", source="live", record=one, **fields)  # type: ignore[arg-type]  # each test gives other fields


async def queue(rig: Rig, envelopes: list[bytes]) -> JobName:
    """Queue one job of already encoded envelopes, as the group commit does."""
    name = JobName.new("default", len(envelopes))
    batch = encode(Batch(envelopes=tuple(msgspec.Raw(one) for one in envelopes)))
    async with rig.redis.pipeline() as pipe:
        stage(pipe, [NewJob(name, batch)], now_ms=unix_ms())
        await pipe.execute()
    return name


async def ledger(rig: Rig) -> dict[str, int]:
    rows = await rig.rows(
        "SELECT coalesce(sum(stored), 0)::int AS stored, coalesce(sum(duplicate), 0)::int AS duplicate,"
        " coalesce(sum(dead), 0)::int AS dead FROM settlements"
    )
    accepted = int(await rig.redis.hget(ACCEPTED_KEY, "default") or 0)
    return {"accepted": accepted, **rows[0]}


async def test_a_record_is_scored_stored_counted_and_its_queue_job_gone(rig: Rig) -> None:
    submission = await rig.accept([record(model_name="gpt-4", user_id="ada")])
    await rig.drain()

    trace_id = submission.outcomes[0].trace_id
    (row,) = await rig.rows("SELECT * FROM traces")
    assert row["trace_id"] == trace_id
    assert row["scores"]["coherence"]["value"] == 1.0
    assert (row["overall_quality"], row["is_safe"], row["flags"]) == (ORDINARY, True, [])
    assert row["cost_usd"] > 0
    assert await ledger(rig) == {"accepted": 1, "stored": 1, "duplicate": 0, "dead": 0}
    assert await queued_jobs(rig.redis) == []
    assert [key async for key in rig.redis.scan_iter("arq:*")] == []
    assert [key async for key in rig.redis.scan_iter("llm-monitor:attempts:*")] == []


async def test_a_waiting_post_hears_its_scores(rig: Rig) -> None:
    waiting = asyncio.create_task(rig.accept([record("danger here")], wait_seconds=10))
    while not await queued_jobs(rig.redis):  # noqa: ASYNC110 nothing announces a queued job
        await asyncio.sleep(0)
    await rig.drain()
    submission = await waiting

    (summary,) = submission.summaries.values()
    assert (summary.quality_score, summary.is_safe, summary.safety_flags) == (ORDINARY, False, ("toxicity",))


async def test_a_worker_for_waited_jobs_takes_them_and_leaves_bulk(rig: Rig) -> None:
    await rig.accept([record() for _ in range(3)])
    (bulk,) = await queued_jobs(rig.redis)
    await rig.accept([record()], wait_seconds=0.01)
    worker = make_loop(rig.redis, rig.evaluation.evaluate, lane="waited", burst=True)
    worker.max_burst_jobs = 1
    await asyncio.wait_for(worker.async_run(), 30)

    assert await queued_jobs(rig.redis) == [bulk]
    assert await rig.value("SELECT count(*) FROM traces") == 1


class Held:
    """Stands for an evaluation that does not end before it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def evaluate(self, *_: object) -> None:
        await self.go.wait()


@pytest.mark.parametrize(("waiting", "bulk_in_hand"), [(False, 3), (True, 1)])
async def test_a_worker_has_one_bulk_job_in_hand_while_posts_wait(
    rig: Rig, *, waiting: bool, bulk_in_hand: int
) -> None:
    held = Held()
    worker = make_loop(rig.redis, held.evaluate, max_jobs=3)
    if waiting:
        await rig.accept([record()], wait_seconds=0.01)
        await worker.start_jobs(await rig.redis.zrange(EVALUATE_QUEUE, 0, -1))
    for _ in range(3):
        await rig.accept([record()])
    for _ in range(2):
        await worker.start_jobs(await rig.redis.zrange(EVALUATE_QUEUE, 0, -1))
    in_hand = [JobName.parse(name) for name in worker.tasks]
    held.go.set()
    await asyncio.gather(*worker.tasks.values())

    assert sum(not name.waited for name in in_hand) == bulk_in_hand
    assert sum(name.waited for name in in_hand) == waiting


async def test_free_jobs_behind_many_that_others_have_in_hand_are_found(rig: Rig) -> None:
    for _ in range(104):
        await rig.accept([record()])
    names = [str(name) for name in await queued_jobs(rig.redis)]
    for name in names[:102]:
        await rig.redis.set(f"{in_progress_key_prefix}{name}", b"1")
    worker = make_loop(rig.redis, rig.evaluation.evaluate)
    working = asyncio.create_task(worker.async_run())
    async with asyncio.timeout(20):
        while len(await queued_jobs(rig.redis)) > 102:  # noqa: ASYNC110 nothing announces that a job is done
            await asyncio.sleep(0)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working

    assert {str(name) for name in await queued_jobs(rig.redis)} == set(names[:102])
    assert await rig.value("SELECT count(*) FROM traces") == 2


async def test_a_retried_record_keeps_its_trace_id_and_is_stored_once(rig: Rig) -> None:
    first = await rig.accept([record(id="mine")])
    await rig.drain()
    second = await rig.accept([record(id="mine")])
    await rig.drain()

    assert second.outcomes[0] == first.outcomes[0]._replace(duplicate=True)
    assert await rig.value("SELECT count(*) FROM traces") == 1
    assert await rig.value("SELECT sum(records) FROM rollups WHERE dimension = 'all'") == 1
    assert await ledger(rig) == {"accepted": 2, "stored": 1, "duplicate": 1, "dead": 0}


async def test_a_job_delivered_again_after_it_was_written_counts_nothing(rig: Rig) -> None:
    await rig.accept([record() for _ in range(5)])
    (job,) = await queued_jobs(rig.redis)
    name = job
    key = f"{job_key_prefix}{name}"
    payload = await rig.redis.get(key)
    await rig.drain()
    await rig.redis.set(key, payload)
    await rig.redis.zadd(EVALUATE_QUEUE, {str(name): 1})
    await rig.drain()

    assert await rig.value("SELECT count(*) FROM traces") == 5
    assert await rig.value("SELECT sum(records) FROM rollups WHERE dimension = 'all'") == 5
    assert await ledger(rig) == {"accepted": 5, "stored": 5, "duplicate": 0, "dead": 0}


async def test_an_evaluator_that_raises_leaves_a_failure_on_that_record_alone(rig: Rig) -> None:
    await rig.accept([record(), record("some poison"), record()])
    await rig.drain()

    rows = await rig.rows("SELECT scores, flags FROM traces ORDER BY response")
    failures = [row["scores"]["alarm"].get("error") for row in rows]
    assert failures == ["ValueError", None, None]
    assert rows[0]["scores"]["coherence"]["value"] == 1.0
    assert await rig.value("SELECT count(*) FROM dead_letters") == 0


async def test_a_check_that_is_switched_off_stays_out_of_every_count(rig: Rig) -> None:
    await rig.accept([record("danger", skip=("alarm",)), record("danger")])
    await rig.drain()

    (row,) = await rig.rows("SELECT * FROM rollups WHERE dimension = 'all'")
    counts = dict(zip(row["measures"], zip(row["counts"], row["hits"], strict=True), strict=True))
    assert counts["alarm"] == (1, 1)
    assert counts["coherence"] == (2, 2)
    assert (row["records"], row["assessed"], row["unsafe"]) == (2, 1, 1)


async def test_what_postgres_refuses_goes_to_the_dead_letters_and_the_rest_is_stored(rig: Rig) -> None:
    bad = envelope(record(prompt_tokens=2**62, completion_tokens=2**62, response="NUL \0 here"))
    good = [envelope(record()) for _ in range(3)]
    await queue(rig, [encode(one) for one in (good[0], bad, *good[1:])])
    await rig.drain()

    assert await rig.value("SELECT count(*) FROM traces") == 3
    (letter,) = await rig.rows("SELECT * FROM dead_letters")
    assert letter["trace_id"] == bad.trace_id
    assert letter["payload"] == encode(bad)
    assert "0x00" in letter["detail"]
    assert await ledger(rig) == {"accepted": 4, "stored": 3, "duplicate": 0, "dead": 1}


@pytest.mark.parametrize("garbage", [b"\xc1", encode({"trace_id": "no"}), encode([1, 2])])
async def test_an_envelope_that_cannot_be_read_costs_itself_alone(rig: Rig, garbage: bytes) -> None:
    if garbage == b"\xc1":
        # Not even msgpack: the whole payload is unreadable and kept as it came.
        name = JobName.new("default", 2)
        async with rig.redis.pipeline() as pipe:
            stage(pipe, [NewJob(name, garbage)], now_ms=unix_ms())
            await pipe.execute()
        expected = {"accepted": 2, "stored": 0, "duplicate": 0, "dead": 2}
    else:
        await queue(rig, [garbage, encode(envelope(record()))])
        expected = {"accepted": 2, "stored": 1, "duplicate": 0, "dead": 1}
    await rig.drain()

    assert await ledger(rig) == expected
    (letter,) = await rig.rows("SELECT * FROM dead_letters")
    assert (letter["reason"], letter["payload"]) == ("unreadable", garbage)


async def test_a_record_that_kills_its_worker_is_found_by_halving(rig: Rig) -> None:
    """Each try without a report leaves only its counter, as a killed process does."""
    killer = envelope(record("kills"))
    others = [envelope(record()) for _ in range(7)]
    await queue(rig, [encode(one) for one in (*others[:3], killer, *others[3:])])
    died: dict[str, int] = {}

    async def work_as_processes_that_die() -> None:
        while jobs := await queued_jobs(rig.redis):
            name = jobs[0]
            holds_killer = b"kills" in (await rig.redis.get(f"{job_key_prefix}{name}") or b"")
            attempts = int(await rig.redis.get(f"llm-monitor:attempts:{name}") or 0)
            would_score = attempts == 0 or (name.records == 1 and attempts < 3)
            if holds_killer and would_score:
                died[str(name)] = died.get(str(name), 0) + 1
                await rig.redis.incr(f"llm-monitor:attempts:{name}")
                continue
            body = msgspec.msgpack.decode(await rig.redis.get(f"{job_key_prefix}{name}"))
            await rig.evaluation.evaluate({"job_id": str(name)}, body["a"][0])
            await rig.redis.delete(f"{job_key_prefix}{name}")
            await rig.redis.zrem(EVALUATE_QUEUE, str(name))

    await asyncio.wait_for(work_as_processes_that_die(), 30)

    assert await rig.value("SELECT count(*) FROM traces") == 7
    (letter,) = await rig.rows("SELECT * FROM dead_letters")
    assert (letter["trace_id"], letter["reason"]) == (killer.trace_id, "process_died")
    assert await ledger(rig) == {"accepted": 8, "stored": 7, "duplicate": 0, "dead": 1}
    assert sum(died.values()) == 6  # once for 8, 4 and 2 records, three times for the last one


async def test_days_of_outage_do_not_leave_records_without_a_partition(rig: Rig) -> None:
    moment = datetime.now(UTC) - timedelta(days=40)
    old = msgspec.structs.replace(envelope(record()), trace_id=mint(int(moment.timestamp() * 1000)))
    await queue(rig, [encode(old), encode(envelope(record()))])
    await rig.drain()

    assert await rig.value("SELECT count(*) FROM traces") == 2
    assert await rig.value(f"SELECT to_regclass('traces_p{moment:%Y%m%d}') IS NOT NULL") is True


class Faulty(Storing):
    """Storage whose first calls go wrong as `faults` do."""

    def __init__(self, storing: Storing, *faults: Callable[[], Awaitable[None]]) -> None:
        self.__dict__ |= vars(storing)
        self._real = storing
        self._faults = list(faults)

    async def store(self, job: Job) -> Outcome | None:
        if self._faults:
            await self._faults.pop(0)()
        return await self._real.store(job)


async def test_a_write_that_hangs_is_an_outage_and_loses_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        while not answered.is_set():  # as a driver does whose server neither answers nor hangs up
            with suppress(asyncio.CancelledError):
                await answered.wait()
        ended.set()
        raise ConnectionResetError

    monkeypatch.setattr("workers.evaluation.task.ATTEMPT_SECONDS", 2)
    rig.store_by(monkeypatch, lambda storing: Faulty(storing, hang))
    await queue(rig, [encode(envelope(record()))])
    await rig.drain()
    answered.set()
    await ended.wait()

    assert rig.outages == 1
    assert await rig.value("SELECT count(*) FROM traces") == 1
    assert await rig.rows("SELECT stored, duplicate, dead FROM settlements") == [
        {"stored": 1, "duplicate": 0, "dead": 0}
    ]


async def test_a_job_that_cannot_even_be_buried_is_tried_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise RuntimeError("a fault of ours")

    rig.store_by(monkeypatch, lambda storing: Faulty(storing, fail, fail))
    await queue(rig, [encode(envelope(record()))])
    await rig.drain()

    assert await rig.value("SELECT count(*) FROM traces") == 1
    assert await rig.value("SELECT count(*) FROM dead_letters") == 0


class Sleeper(WordCount):
    name = "sleeper"

    def evaluate(self, batch: Prepared) -> list[Score]:
        del batch
        raise MemoryError("out of memory in an evaluator")


async def test_every_kind_of_exception_of_an_evaluator_is_data(database_url: str, redis_url: str) -> None:
    async with running_rig(database_url, redis_url, evaluators=(WordCount(), Sleeper(), Alarm())) as rig:
        await rig.accept([record(), record()])
        await rig.drain()
        rows = await rig.rows("SELECT scores FROM traces")
    assert [row["scores"]["sleeper"]["error"] for row in rows] == ["MemoryError", "MemoryError"]
