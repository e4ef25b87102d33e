from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.jobs import Runner, Step
from app.storage.engine import Connection
from app.storage.upkeep.jobs import Due, Job, add_job, cancel_job, claim_job, read_job
from app.supervision import Tasks
from tests.integration.api_rig import ApiRig
from tests.integration.worker_rig import Rig, running_rig

NOW = datetime.now(UTC)


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url) as rig:
        yield rig


class Count:
    """Adds a row per step, so that a step taken twice shows.

    `before` is called in the middle of a step.
    """

    def __init__(self, steps: int, before: Any = None) -> None:
        self.steps = steps
        self.before = before

    async def step(self, connection: Connection, project_id: str, job: Job) -> Step:
        at = (job.cursor or {"at": 0})["at"] + 1
        await connection.exec_driver_sql(
            "INSERT INTO observed_values VALUES ($1, '2020-01-01', 'step', gen_random_uuid()::text)",
            (project_id,),
        )
        if self.before:
            await self.before(at)
        finished = at == self.steps
        return Step(
            at,
            total=self.steps,
            cursor={"at": at},
            finished=finished,
            result={"steps": at} if finished else None,
            forget=finished,
        )


async def start(rig: Rig, kind: str = "count") -> UUID:
    job = Job(
        job_id=uuid4(), kind=kind, state="queued", parameters={"who": "zoe"}, created_at=datetime.now(UTC)
    )
    async with rig.engine.begin() as connection:
        await add_job(connection, "default", job)
    return job.job_id


async def find(rig: Rig, job_id: UUID) -> Job:
    async with rig.engine.connect() as connection:
        job = await read_job(connection, "default", job_id)
    assert job is not None
    return job


async def end_lease(rig: Rig) -> None:
    async with rig.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE jobs SET due_at = now()")


async def steps(rig: Rig) -> int:
    return int(await rig.value("SELECT count(*) FROM observed_values WHERE dimension = 'step'"))


async def test_a_job_is_done_step_by_step_and_forgets_what_it_was_asked(rig: Rig) -> None:
    job_id = await start(rig)
    runner = Runner(rig.engine, rig.redis, {"count": Count(3)})
    seen = []
    while await runner.turn():
        job = await find(rig, job_id)
        seen.append((job.state, job.done, job.total))
    assert seen == [("running", 1, 3), ("running", 2, 3), ("done", 3, 3)]
    job = await find(rig, job_id)
    assert (job.result, job.parameters, job.error) == ({"steps": 3}, {}, None)
    assert await steps(rig) == 3


async def test_runners_beside_each_other_take_every_step_once(rig: Rig) -> None:
    ids = [await start(rig) for _ in range(6)]
    runners = [Runner(rig.engine, rig.redis, {"count": Count(5)}) for _ in range(4)]

    async def work(runner: Runner) -> None:
        while any([(await find(rig, job_id)).state != "done" for job_id in ids]):
            await runner.turn()

    await asyncio.wait_for(asyncio.gather(*map(work, runners)), 30)
    assert await steps(rig) == 30


async def test_a_step_that_died_is_taken_again_and_counts_once(rig: Rig) -> None:
    job_id = await start(rig)
    reached = asyncio.Event()

    async def die(at: int) -> None:
        if at == 2:
            reached.set()
            await asyncio.Event().wait()

    dying = asyncio.create_task(Runner(rig.engine, rig.redis, {"count": Count(3, die)}).run(Tasks()))
    await asyncio.wait_for(reached.wait(), 10)
    heir = Runner(rig.engine, rig.redis, {"count": Count(3)})
    assert not await heir.turn()  # the lease has not ended
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await end_lease(rig)
    while await heir.turn():
        pass
    assert (await find(rig, job_id)).state == "done"
    assert await steps(rig) == 3


async def test_a_runner_that_lost_its_lease_undoes_its_step(rig: Rig) -> None:
    job_id = await start(rig)
    heir = Runner(rig.engine, rig.redis, {"count": Count(2)})

    async def lose(at: int) -> None:
        if at == 1:
            await end_lease(rig)
            await heir.turn()

    await Runner(rig.engine, rig.redis, {"count": Count(2, lose)}).turn()
    assert (await find(rig, job_id)).done == 1
    assert await steps(rig) == 1


async def test_a_job_cancelled_within_a_step_undoes_that_step(rig: Rig) -> None:
    job_id = await start(rig)

    async def cancel(at: int) -> None:
        if at == 2:
            async with rig.engine.begin() as connection:
                assert await cancel_job(connection, "default", job_id)

    runner = Runner(rig.engine, rig.redis, {"count": Count(3, cancel)})
    while await runner.turn():
        pass
    job = await find(rig, job_id)
    assert (job.state, job.done, await steps(rig)) == ("cancelled", 1, 1)
    async with rig.engine.begin() as connection:
        assert not await cancel_job(connection, "default", job_id)


async def test_a_step_that_keeps_failing_ends_the_job_and_others_go_on(rig: Rig) -> None:
    async def fail(_: int) -> None:
        raise ZeroDivisionError("secret")

    job_id = await start(rig)
    other = await start(rig, "other")
    runner = Runner(rig.engine, rig.redis, {"count": Count(3, fail), "other": Count(1)})
    for _ in range(6):
        await end_lease(rig)
        await runner.turn()
    await end_lease(rig)
    await runner.turn()
    job = await find(rig, job_id)
    assert (job.state, job.attempts, job.error) == (
        "failed",
        5,
        "ZeroDivisionError; see the worker's log",
    )
    assert (await find(rig, other)).state == "done"
    assert await steps(rig) == 1


async def test_a_step_that_kills_its_workers_ends_the_job(rig: Rig) -> None:
    job_id = await start(rig)
    for _ in range(5):
        await end_lease(rig)
        async with rig.engine.begin() as connection:
            assert await claim_job(connection, Due("default", job_id), timedelta(seconds=15))
    await end_lease(rig)
    await Runner(rig.engine, rig.redis, {"count": Count(3)}).turn()
    job = await find(rig, job_id)
    assert job.state == "failed"
    assert "died" in (job.error or "")


async def test_jobs_are_listed_shown_and_cancelled_without_their_parameters(api: ApiRig) -> None:
    first, second = [await start(api.worker) for _ in range(2)]
    listed = (await api.get("/jobs"))["jobs"]
    assert [job["job_id"] for job in listed] == [str(second), str(first)]
    assert "zoe" not in str(listed)
    older = await api.get("/jobs", before=listed[0]["created_at"])
    assert [job["job_id"] for job in older["jobs"]] == [str(first)]

    async with api.worker.redis.pubsub(ignore_subscribe_messages=True) as heard:
        await heard.psubscribe("llm-monitor:events:*")
        await heard.get_message(timeout=5)  # the subscription itself
        response = await api.client.delete(f"/jobs/{first}")
        message = await heard.get_message(timeout=5)
    assert (response.status_code, response.json()["state"]) == (200, "cancelled")
    event = json.loads(message["data"])
    assert (event["type"], event["data"]["job_id"], event["data"]["state"]) == (
        "job",
        str(first),
        "cancelled",
    )
    assert (await api.client.delete(f"/jobs/{first}")).status_code == 409
    assert (await api.get(f"/jobs/{first}"))["state"] == "cancelled"
    for method in ("GET", "DELETE"):
        assert (await api.client.request(method, f"/jobs/{uuid4()}")).status_code == 404
