"""A record that ends the process which scores it, with real processes.

The record is found and given up, and no other record is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from app.queue import EVALUATE_QUEUE, REDELIVERED_KEY, queued_jobs
from app.schemas.queued import decode_envelope
from monitoring.models import Record
from tests.integration.worker_program import OUT_OF_MEMORY, SEGFAULT, SLOW, running_workers
from tests.integration.worker_rig import Rig, running_rig

pytestmark = pytest.mark.long


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        yield rig


async def until_drained(rig: Rig) -> None:
    # One command: a job that is halved between two would leave an empty queue behind.
    while await rig.redis.zcard(EVALUATE_QUEUE):  # noqa: ASYNC110 nothing announces an empty queue
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("poison", [SEGFAULT, OUT_OF_MEMORY])
async def test_poison_that_kills_its_process_is_buried_alone(
    rig: Rig, database_url: str, redis_url: str, tmp_path: Path, poison: str
) -> None:
    texts = ["fine"] * 2 + [poison, "fine"]
    submission = await rig.accept([Record(prompt="p", response=text) for text in texts])
    culprit = submission.outcomes[2].trace_id
    with running_workers(database_url, redis_url, tmp_path / "log", deadly=True):
        await asyncio.wait_for(until_drained(rig), 60)
    (letter,) = await rig.rows("SELECT trace_id, reason, attempts, payload, detail FROM dead_letters")
    assert (letter["trace_id"], letter["reason"], letter["attempts"]) == (culprit, "process_died", 4)
    assert decode_envelope(letter["payload"]).record.response == poison
    assert await rig.value("SELECT count(*) FROM traces WHERE response = 'fine'") == 3
    (sums,) = await rig.rows(
        "SELECT sum(stored)::int AS stored, sum(duplicate)::int AS duplicate, sum(dead)::int AS dead FROM settlements"
    )
    assert sums == {"stored": 3, "duplicate": 0, "dead": 1}
    assert int(await rig.redis.hget(REDELIVERED_KEY, "default") or 0) >= 5
    assert [key async for key in rig.redis.scan_iter("llm-monitor:claims:*")] == []


async def job_in_hand(rig: Rig) -> tuple[str, int]:
    """Return the queued job once a worker scores it, and that worker's process id."""
    while True:
        async for key in rig.redis.scan_iter("llm-monitor:claims:*"):
            if jobs := await rig.redis.smembers(key):
                return jobs.pop().decode(), int(key.decode().rpartition(":")[2])
        await asyncio.sleep(0.01)


async def until_in_hand(rig: Rig, job: str) -> None:
    """Return once a worker has this job in hand, whatever it has beside it."""
    while True:
        async for key in rig.redis.scan_iter("llm-monitor:claims:*"):
            if await rig.redis.sismember(key, job):
                return
        await asyncio.sleep(0.01)


async def seconds_until_redelivered(rig: Rig, job: str) -> float:
    begun = time.monotonic()
    while int(await rig.redis.get(f"llm-monitor:attempts:{job}") or 0) < 2:  # noqa: ASYNC110 nobody is told
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


async def test_the_job_of_a_killed_worker_is_delivered_again_within_seconds(
    rig: Rig, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    await rig.accept([Record(prompt="p", response=SLOW)])
    with running_workers(database_url, redis_url, tmp_path / "log", deadly=True):
        job, victim = await asyncio.wait_for(job_in_hand(rig), 30)
        psutil.Process(victim).kill()
        assert await asyncio.wait_for(seconds_until_redelivered(rig, job), 30) < 5
        await asyncio.wait_for(until_drained(rig), 30)
    assert await rig.value("SELECT count(*) FROM traces") == 1


async def test_workers_that_are_told_to_stop_leave_nothing_suspected_or_claimed(
    rig: Rig, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """A job that ends within three seconds is finished; others are delivered again at once."""
    await rig.accept([Record(prompt="p", response=SLOW)])
    (slow,) = await queued_jobs(rig.redis)
    await rig.accept([Record(prompt="p", response="fine") for _ in range(3)])
    with running_workers(database_url, redis_url, tmp_path / "log", deadly=True):
        await asyncio.wait_for(until_in_hand(rig, str(slow)), 30)
    left = [key async for key in rig.redis.scan_iter("*")]
    assert [key for key in left if b":attempts:" in key or b":claims:" in key or b"in-progress" in key] == []
    assert slow in await queued_jobs(rig.redis)
    with running_workers(database_url, redis_url, tmp_path / "log", deadly=True):
        await asyncio.wait_for(until_in_hand(rig, str(slow)), 30)
        assert await rig.redis.hget(REDELIVERED_KEY, "default") is None
        await asyncio.wait_for(until_drained(rig), 60)
    assert await rig.value("SELECT count(*) FROM traces") == 4


async def test_the_job_of_a_killed_machine_is_delivered_again_within_half_a_minute(
    rig: Rig, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    await rig.accept([Record(prompt="p", response=SLOW)])
    with running_workers(database_url, redis_url, tmp_path / "log", deadly=True) as parent:
        job, _ = await asyncio.wait_for(job_in_hand(rig), 30)
        family = [*psutil.Process(parent).children(), psutil.Process(parent)]
        for process in family:
            process.suspend()  # so that none sees another one die
        for process in family:
            process.kill()
    with running_workers(database_url, redis_url, tmp_path / "log", deadly=True):
        assert await asyncio.wait_for(seconds_until_redelivered(rig, job), 60) < 30
        await asyncio.wait_for(until_drained(rig), 30)
    assert await rig.value("SELECT count(*) FROM traces") == 1


async def test_a_worker_that_was_halted_for_longer_than_any_timeout_loses_nothing(
    rig: Rig, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """A virtual machine that is moved behaves so: all timeouts are overdue when it continues."""
    await rig.accept([Record(prompt="p", response=SLOW)])
    with running_workers(database_url, redis_url, tmp_path / "log", deadly=True) as parent:
        await asyncio.wait_for(job_in_hand(rig), 30)
        children = psutil.Process(parent).children()
        for child in children:
            child.suspend()
        await asyncio.sleep(17)
        for child in children:
            child.resume()
        await asyncio.wait_for(until_drained(rig), 60)
    assert await rig.value("SELECT count(*) FROM traces") == 1
    assert await rig.value("SELECT count(*) FROM dead_letters") == 0
